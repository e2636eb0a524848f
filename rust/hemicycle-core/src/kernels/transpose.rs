//! Rows to columns, eight by eight, in registers.

use super::lanes::{LANES, Lanes};

/// Lane `j` of result `i` is lane `i` of row `j`. 24 shuffles: neighbours are exchanged, then pairs, then halves.
#[inline(always)]
#[must_use]
pub fn transpose<const FMA: bool>(rows: [Lanes<FMA>; LANES]) -> [Lanes<FMA>; LANES] {
    let [a, b, c, d, e, f, g, h] = rows;
    let ((a, b), (c, d), (e, f), (g, h)) = (neighbours(a, b), neighbours(c, d), neighbours(e, f), neighbours(g, h));
    let ((a, c), (b, d), (e, g), (f, h)) = (pairs(a, c), pairs(b, d), pairs(e, g), pairs(f, h));
    let ((a, e), (b, f), (c, g), (d, h)) = (halves(a, e), halves(b, f), halves(c, g), halves(d, h));
    [a, b, c, d, e, f, g, h]
}

#[inline(always)]
fn neighbours<const FMA: bool>(Lanes(x): Lanes<FMA>, Lanes(y): Lanes<FMA>) -> (Lanes<FMA>, Lanes<FMA>) {
    (Lanes([x[0], y[0], x[2], y[2], x[4], y[4], x[6], y[6]]), Lanes([x[1], y[1], x[3], y[3], x[5], y[5], x[7], y[7]]))
}

#[inline(always)]
fn pairs<const FMA: bool>(Lanes(x): Lanes<FMA>, Lanes(y): Lanes<FMA>) -> (Lanes<FMA>, Lanes<FMA>) {
    (Lanes([x[0], x[1], y[0], y[1], x[4], x[5], y[4], y[5]]), Lanes([x[2], x[3], y[2], y[3], x[6], x[7], y[6], y[7]]))
}

#[inline(always)]
fn halves<const FMA: bool>(Lanes(x): Lanes<FMA>, Lanes(y): Lanes<FMA>) -> (Lanes<FMA>, Lanes<FMA>) {
    (Lanes([x[0], x[1], x[2], x[3], y[0], y[1], y[2], y[3]]), Lanes([x[4], x[5], x[6], x[7], y[4], y[5], y[6], y[7]]))
}

#[cfg(test)]
mod tests {
    use super::super::{InstructionSet, Kernel, LANES, Lanes};
    use super::transpose;

    struct Transpose([[f64; LANES]; LANES]);

    impl Kernel for Transpose {
        type Output = [[f64; LANES]; LANES];

        #[inline(always)]
        fn run<const FMA: bool>(self) -> Self::Output {
            transpose(self.0.map(Lanes::<FMA>)).map(|column| column.0)
        }
    }

    #[test]
    fn rows_become_columns() {
        let rows: [[f64; LANES]; LANES] = std::array::from_fn(|i| std::array::from_fn(|j| (10 * i + j) as f64));
        let columns: [[f64; LANES]; LANES] = std::array::from_fn(|i| std::array::from_fn(|j| (10 * j + i) as f64));
        for set in InstructionSet::available() {
            assert_eq!(set.run(Transpose(rows)), columns, "{}", set.name());
        }
    }
}
