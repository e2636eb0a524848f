//! Rows to columns, eight by eight, in registers.
//!
//! With instructions by name, as in the evaluation of tables: from numbers that only change places the compiler makes
//! moves of single numbers, which take three times as long.

use super::InstructionSet;
use super::lanes::{LANES, Lanes};

/// What takes the columns of a transposition. A trait, not a closure: a closure would be compiled without the
/// instructions of the kernel around it.
pub trait Columns {
    /// Store them; must be `#[inline(always)]`.
    fn take<const FMA: bool>(self, columns: [Lanes<FMA>; LANES]);
}

/// Give `target` the columns of eight rows: lane `j` of column `i` is lane `i` of row `j`. `instructions` are those of
/// the kernel around it.
#[inline(always)]
pub fn transpose<const FMA: bool>(instructions: InstructionSet, rows: &[Lanes<FMA>; LANES], target: impl Columns) {
    // every arm stores by itself: where they meet, columns would be taken apart again
    match instructions {
        InstructionSet::Portable => target.take(portable(rows)),
        #[cfg(target_arch = "x86_64")]
        InstructionSet::Avx2(simd) => target.take(x86::avx2(simd, rows)),
        #[cfg(target_arch = "x86_64")]
        InstructionSet::Avx512(simd) => target.take(x86::avx512(simd, rows)),
    }
}

#[inline(always)]
fn portable<const FMA: bool>(rows: &[Lanes<FMA>; LANES]) -> [Lanes<FMA>; LANES] {
    let mut columns = [Lanes::splat(0.0); LANES];
    for (j, row) in rows.iter().enumerate() {
        for (i, column) in columns.iter_mut().enumerate() {
            column.0[j] = row.0[i];
        }
    }
    columns
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use pulp::cast;
    use pulp::x86::{V3, V4};

    use super::{LANES, Lanes};

    /// Even and odd quarters of the first vector, then of the second.
    const EVEN: i32 = 0b10_00_10_00;
    const ODD: i32 = 0b11_01_11_01;

    /// Lower and upper half of the first vector, then of the second.
    const LOWER: i32 = 0x20;
    const UPPER: i32 = 0x31;

    /// 24 shuffles: rows are merged by two, by four, by eight.
    #[inline(always)]
    pub(super) fn avx512<const FMA: bool>(simd: V4, rows: &[Lanes<FMA>; LANES]) -> [Lanes<FMA>; LANES] {
        let simd = simd.avx512f;
        let mut merged = [simd._mm512_setzero_pd(); LANES];
        for (merged, row) in merged.iter_mut().zip(rows) {
            *merged = cast(row.0);
        }
        for k in [0, 2, 4, 6] {
            let (x, y) = (merged[k], merged[k + 1]);
            (merged[k], merged[k + 1]) = (simd._mm512_unpacklo_pd(x, y), simd._mm512_unpackhi_pd(x, y));
        }
        for (k, step) in [(0, 2), (1, 2), (4, 2), (5, 2), (0, 4), (1, 4), (2, 4), (3, 4)] {
            let (x, y) = (merged[k], merged[k + step]);
            merged[k] = simd._mm512_shuffle_f64x2::<EVEN>(x, y);
            merged[k + step] = simd._mm512_shuffle_f64x2::<ODD>(x, y);
        }
        let mut columns = [Lanes::splat(0.0); LANES];
        for (column, merged) in columns.iter_mut().zip(merged) {
            column.0 = cast(merged);
        }
        columns
    }

    /// Four squares of four by four, of 8 shuffles each.
    #[inline(always)]
    pub(super) fn avx2<const FMA: bool>(simd: V3, rows: &[Lanes<FMA>; LANES]) -> [Lanes<FMA>; LANES] {
        let simd = simd.avx;
        let mut halves = [[simd._mm256_setzero_pd(); 2]; LANES];
        for (halves, row) in halves.iter_mut().zip(rows) {
            *halves = cast(row.0);
        }
        let mut merged = halves;
        for (i, j) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            let [a, b, c, d] = [halves[4 * i][j], halves[4 * i + 1][j], halves[4 * i + 2][j], halves[4 * i + 3][j]];
            let (even, odd) = (simd._mm256_unpacklo_pd(a, b), simd._mm256_unpackhi_pd(a, b));
            let (next_even, next_odd) = (simd._mm256_unpacklo_pd(c, d), simd._mm256_unpackhi_pd(c, d));
            merged[4 * j][i] = simd._mm256_permute2f128_pd::<LOWER>(even, next_even);
            merged[4 * j + 1][i] = simd._mm256_permute2f128_pd::<LOWER>(odd, next_odd);
            merged[4 * j + 2][i] = simd._mm256_permute2f128_pd::<UPPER>(even, next_even);
            merged[4 * j + 3][i] = simd._mm256_permute2f128_pd::<UPPER>(odd, next_odd);
        }
        let mut columns = [Lanes::splat(0.0); LANES];
        for (column, merged) in columns.iter_mut().zip(merged) {
            column.0 = cast(merged);
        }
        columns
    }
}

#[cfg(test)]
mod tests {
    use super::super::{InstructionSet, Kernel, LANES, Lanes};
    use super::{Columns, transpose};

    struct Transpose<'a>(InstructionSet, [[f64; LANES]; LANES], &'a mut [[f64; LANES]; LANES]);

    impl Kernel for Transpose<'_> {
        type Output = ();

        #[inline(always)]
        fn run<const FMA: bool>(self) {
            transpose(self.0, &self.1.map(Lanes::<FMA>), self.2);
        }
    }

    impl Columns for &mut [[f64; LANES]; LANES] {
        #[inline(always)]
        fn take<const FMA: bool>(self, columns: [Lanes<FMA>; LANES]) {
            *self = columns.map(|column| column.0);
        }
    }

    #[test]
    fn rows_become_columns() {
        let rows: [[f64; LANES]; LANES] = std::array::from_fn(|i| std::array::from_fn(|j| (10 * i + j) as f64));
        let columns: [[f64; LANES]; LANES] = std::array::from_fn(|i| std::array::from_fn(|j| (10 * j + i) as f64));
        for set in InstructionSet::available() {
            let mut found = [[0.0; LANES]; LANES];
            set.run(Transpose(set, rows, &mut found));
            assert_eq!(found, columns, "{}", set.name());
        }
    }
}
