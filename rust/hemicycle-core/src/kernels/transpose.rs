//! Rows to columns, eight by eight, in registers.
//!
//! With instructions by name, as for the polynomials of tables: from numbers that only change places the compiler makes
//! moves of single numbers, which take three times as long.

use super::lanes::{LANES, Lanes};

#[inline(always)]
pub(super) fn portable<const FMA: bool>(rows: &[Lanes<FMA>; LANES]) -> [Lanes<FMA>; LANES] {
    let mut columns = [Lanes::splat(0.0); LANES];
    for (j, row) in rows.iter().enumerate() {
        for (i, column) in columns.iter_mut().enumerate() {
            column.0[j] = row.0[i];
        }
    }
    columns
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86::{avx2, avx512};

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
    pub(in super::super) fn avx512<const FMA: bool>(simd: V4, rows: &[Lanes<FMA>; LANES]) -> [Lanes<FMA>; LANES] {
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
    pub(in super::super) fn avx2<const FMA: bool>(simd: V3, rows: &[Lanes<FMA>; LANES]) -> [Lanes<FMA>; LANES] {
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
    use super::super::{InstructionSet, Kernel, LANES, Lanes, Simd};

    struct Transpose([[f64; LANES]; LANES]);

    impl Kernel for Transpose {
        type Output = [[f64; LANES]; LANES];

        #[inline(always)]
        fn run<const FMA: bool>(self, simd: impl Simd) -> Self::Output {
            simd.transpose(&self.0.map(Lanes::<FMA>)).map(|column| column.0)
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
