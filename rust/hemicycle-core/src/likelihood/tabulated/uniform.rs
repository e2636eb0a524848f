//! Cells of one width around the middle, where most models are: a point finds its cell without a look at any index.
//!
//! Adding `1.5 * 2^52` rounds a number of cells to an integer, which is then in the low bits; what is left is exact.

use crate::kernels::{LANES, Lanes, each_lane};

use super::series::Coefficients;
use super::span::Span;
use super::words;

/// Adding it rounds a number to an integer, to be read in the low bits.
const ROUND: f64 = 6_755_399_441_055_744.0; // 1.5 * 2^52

/// Cells of one width, the lowest first; as many below the middle as above it. There may be none.
#[derive(Debug)]
pub(super) struct Uniform {
    pub cells: Vec<Coefficients>,
    /// Cells a unit of logit differences.
    pub scale: f64,
}

impl Uniform {
    /// Cells of this width in the scaled unit; `scale` takes logit differences to that unit.
    pub(super) fn new(cells: Vec<Coefficients>, width: f64, scale: f64) -> Self {
        Self { cells, scale: scale / width }
    }

    /// None at all.
    pub(super) fn empty() -> Self {
        Self { cells: vec![], scale: 0.0 }
    }

    /// The scaled distances from the middle between which each cell lies.
    pub(super) fn spans(&self, scale: f64) -> impl Iterator<Item = Span> {
        let (width, begin) = (scale / self.scale, -0.5 * self.cells.len() as f64);
        let edge = move |cell: usize| width * (begin + cell as f64);
        (0..self.cells.len()).map(move |cell| Span { first: edge(cell), last: edge(cell + 1) })
    }

    /// Memory of the cells.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(self.cells.as_slice())
    }

    /// The cell of each point at this difference of logits from the middle, and half the place in it; the number of a
    /// point outside is too large.
    #[inline(always)]
    pub(super) fn locate<const FMA: bool>(&self, difference: Lanes<FMA>) -> ([u64; LANES], Lanes<FMA>) {
        let first = ROUND.to_bits().wrapping_sub(self.cells.len() as u64 / 2);
        let centred = difference.mul_add(Lanes::splat(self.scale), Lanes::splat(-0.5));
        let rounded = centred + Lanes::splat(ROUND);
        let place: Lanes<FMA> = each_lane!(i => centred.0[i] - (rounded.0[i] - ROUND));
        (words!(i => rounded.0[i].to_bits().wrapping_sub(first)), place)
    }

    /// The polynomials of cells, all of them of these.
    #[inline(always)]
    pub(super) fn rows(&self, cell: [u64; LANES]) -> [&[f64; LANES]; LANES] {
        let mut rows = [&self.cells[0].0; LANES];
        for (row, cell) in rows.iter_mut().zip(cell) {
            *row = &self.cells[cell as usize].0;
        }
        rows
    }

    /// Whether every cell is one of these.
    #[inline(always)]
    pub(super) fn have(&self, cell: [u64; LANES]) -> bool {
        let mut all = true;
        let mut i = 0;
        while i < LANES {
            all &= cell[i] < self.cells.len() as u64;
            i += 1;
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::{Coefficients, LANES, Lanes, Uniform};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn points_are_found_where_their_cell_begins(difference in prop::array::uniform8(-15.9..15.9)) {
            let uniform = Uniform::new(vec![Coefficients([0.0; LANES]); 16], 4.0, 2.0); // from -32 to 32, scaled
            let (cell, place) = uniform.locate(Lanes::<false>(difference));
            prop_assert!(uniform.have(cell));
            for i in 0..LANES {
                let begin = -32.0 + 4.0 * cell[i] as f64;
                prop_assert!((begin + 4.0 * (place.0[i] + 0.5) - 2.0 * difference[i]).abs() < 1e-13);
                prop_assert!((-0.5..=0.5).contains(&place.0[i]));
            }
        }
    }

    #[test]
    fn points_beyond_the_ends_have_no_cell() {
        let uniform = Uniform::new(vec![Coefficients([0.0; LANES]); 6], 1.0, 1.0);
        for (point, inside) in [(2.9, true), (-2.9, true), (3.1, false), (-3.1, false), (1e300, false), (-1e17, false)]
        {
            assert_eq!(uniform.have(uniform.locate(Lanes::<true>::splat(point)).0), inside, "{point}");
        }
        assert!(!Uniform::empty().have(Uniform::empty().locate(Lanes::<true>::splat(0.0)).0));
    }
}
