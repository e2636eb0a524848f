//! Points of classes by row, in single precision.

use super::geometry::STEP;

/// Points by row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Points<'a> {
    pub(super) rows: &'a [f32],
    pub(super) n_coordinates: usize,
}

impl Points<'_> {
    #[inline(always)]
    pub(super) fn of(&self, point: usize) -> &[f32] {
        &self.rows[point * self.n_coordinates..][..self.n_coordinates]
    }

    #[inline(always)]
    pub(super) fn squared_distance(&self, x: usize, y: usize) -> f32 {
        squared_distance(self.of(x), self.of(y))
    }
}

/// The squared distance of two points, of a number of coordinates that is a multiple of [`STEP`].
#[inline(always)]
pub(super) fn squared_distance(x: &[f32], y: &[f32]) -> f32 {
    let mut sums = [0.0_f32; STEP];
    for (x, y) in x.chunks_exact(STEP).zip(y.chunks_exact(STEP)) {
        for lane in 0..STEP {
            let difference = x[lane] - y[lane];
            sums[lane] += difference * difference;
        }
    }
    let mut width = STEP / 2;
    while width > 0 {
        for lane in 0..width {
            sums[lane] += sums[lane + width];
        }
        width /= 2;
    }
    sums[0]
}

/// Put rows of `width` values in the order `from`, without room for a second copy: row k becomes what row `from[k]` was.
pub(super) fn permute<T: Copy>(rows: &mut [T], width: usize, from: &[u32]) {
    let mut is_placed = vec![false; from.len()];
    let mut kept = rows[..width.min(rows.len())].to_vec();
    for first in 0..from.len() {
        if is_placed[first] {
            continue;
        }
        kept.copy_from_slice(&rows[first * width..][..width]);
        let mut to = first;
        loop {
            is_placed[to] = true;
            let next = from[to] as usize;
            if next == first {
                break;
            }
            rows.copy_within(next * width..(next + 1) * width, to * width);
            to = next;
        }
        rows[to * width..][..width].copy_from_slice(&kept);
    }
}

#[cfg(test)]
mod tests {
    use super::{permute, squared_distance};
    use crate::clones::random::Stream;

    #[test]
    fn rows_change_places() {
        for n in 0..20 {
            let from: Vec<u32> = Stream::of([n]).order(n as usize).into_iter().map(|row| row as u32).collect();
            let mut rows: Vec<u32> = (0..3 * n as u32).collect();
            permute(&mut rows, 3, &from);
            let expected: Vec<u32> = from.iter().flat_map(|&row| [3 * row, 3 * row + 1, 3 * row + 2]).collect();
            assert_eq!(rows, expected);
        }
    }

    #[test]
    fn distances_are_sums_of_squares() {
        let (x, y): (Vec<f32>, Vec<f32>) = (0..32).map(|k| (k as f32, (2 * k + 1) as f32)).unzip();
        assert_eq!(squared_distance(&x, &y), (1..=32_u32).map(|k| (k * k) as f32).sum());
    }
}
