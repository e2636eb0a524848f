//! Dot products over eight lanes that are added in a fixed order, so that every instruction set gives the same bits.
//! `inline(always)` lets `pulp` compile them for the CPU at hand where a kernel is around them.

use pulp::{Arch, NullaryFnOnce};

/// Run a kernel, whose `call` is `inline(always)`, compiled for the CPU at hand. A closure would not do: it is a function
/// of its own, which the compiler may leave at the baseline of the target.
pub(crate) fn vectorised<K: NullaryFnOnce>(kernel: K) -> K::Output {
    Arch::new().dispatch(kernel)
}

pub(super) const LANES: usize = 8;

/// `a . b`.
#[inline(always)]
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; LANES];
    let (a_head, a_tail) = a.as_chunks::<LANES>();
    let (b_head, b_tail) = b.as_chunks::<LANES>();
    for (a, b) in a_head.iter().zip(b_head) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let tail: f64 = a_tail.iter().zip(b_tail).map(|(a, b)| a * b).sum();
    total(&sums) + tail
}

/// `(x - y) . v`, every difference taken before the product, so that a common offset of x and y costs no digits.
#[inline(always)]
pub(crate) fn dot_deviation<T: Copy + Into<f64>>(x: &[T], y: &[f64], v: &[f64]) -> f64 {
    let mut sums = [0.0; LANES];
    let (x_head, x_tail) = x.as_chunks::<LANES>();
    let (y_head, y_tail) = y.as_chunks::<LANES>();
    let (v_head, v_tail) = v.as_chunks::<LANES>();
    for ((x, y), v) in x_head.iter().zip(y_head).zip(v_head) {
        for lane in 0..LANES {
            sums[lane] += (x[lane].into() - y[lane]) * v[lane];
        }
    }
    let tail: f64 = x_tail.iter().zip(y_tail).zip(v_tail).map(|((x, y), v)| ((*x).into() - y) * v).sum();
    total(&sums) + tail
}

/// `target += factor * row`.
#[inline(always)]
pub(crate) fn add_scaled(target: &mut [f64], factor: f64, row: &[f64]) {
    for (target, value) in target.iter_mut().zip(row) {
        *target += factor * value;
    }
}

#[inline(always)]
pub(super) fn total(sums: &[f64; LANES]) -> f64 {
    ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]))
}
