//! The SIMD layer: eight models at a time, one source for every instruction set.
//!
//! Kernels are written over [`Lanes`], arrays of eight numbers with plain loops inside. [`InstructionSet::run`] compiles
//! such a kernel once for AVX-512, once for AVX2 with FMA and once for the baseline of the target, and picks one at
//! run time. The paths with fused multiply-add do the same operations in the same order, so they agree bit for bit.

mod exp;
mod exp2;
mod lanes;
mod ln;
mod polynomials;
mod simd;
mod sum;
mod transpose;

pub use exp::exp;
pub use exp2::Power;
pub(crate) use lanes::each_lane;
pub use lanes::{LANES, Lanes};
pub use ln::{ln, split_exponent};
pub use simd::{Portable, Simd};
pub use sum::{Sum, two_diff, two_sum};

/// A computation that [`InstructionSet::run`] compiles for every instruction set.
pub trait Kernel {
    /// What it returns.
    type Output;

    /// The body; must be `#[inline(always)]`. With `FMA` it fuses multiplication and addition; `simd` is what it is
    /// compiled for.
    fn run<const FMA: bool>(self, simd: impl Simd) -> Self::Output;
}

/// The instructions that a kernel is compiled to.
#[derive(Debug, Clone, Copy)]
pub enum InstructionSet {
    /// The baseline of the target: SSE2 on x86-64 (no FMA), NEON on AArch64.
    Portable,
    /// AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2(pulp::x86::V3),
    /// AVX-512.
    #[cfg(target_arch = "x86_64")]
    Avx512(pulp::x86::V4),
}

impl InstructionSet {
    /// Every set that this processor has, the widest first.
    #[must_use]
    pub fn available() -> Vec<Self> {
        let mut sets = vec![];
        #[cfg(target_arch = "x86_64")]
        {
            sets.extend(pulp::x86::V4::try_new().map(Self::Avx512));
            sets.extend(pulp::x86::V3::try_new().map(Self::Avx2));
        }
        sets.push(Self::Portable);
        sets
    }

    /// The widest set that this processor has.
    #[must_use]
    pub fn detect() -> Self {
        Self::available().first().copied().unwrap_or(Self::Portable)
    }

    /// Its name: `avx512`, `avx2` or `portable`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => "avx2",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => "avx512",
        }
    }

    /// Run `kernel`, compiled for these instructions.
    #[inline]
    pub fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self {
            Self::Portable => kernel.run::<{ cfg!(target_arch = "aarch64") }>(Portable),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(simd) => simd.vectorize(Fused(kernel, simd)),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(simd) => simd.vectorize(Fused(kernel, simd)),
        }
    }
}

/// A kernel with fused multiply-add, in the form that `pulp` calls.
#[cfg(target_arch = "x86_64")]
struct Fused<K, S>(K, S);

#[cfg(target_arch = "x86_64")]
impl<K: Kernel, S: Simd> pulp::NullaryFnOnce for Fused<K, S> {
    type Output = K::Output;

    #[inline(always)]
    fn call(self) -> Self::Output {
        self.0.run::<true>(self.1)
    }
}

/// The polynomial of these coefficients, that of the constant first.
#[inline(always)]
fn horner<const FMA: bool>(coefficients: &[f64], x: Lanes<FMA>) -> Lanes<FMA> {
    let mut k = coefficients.len() - 1;
    let mut value = Lanes::splat(coefficients[k]);
    while k > 0 {
        k -= 1;
        value = value.mul_add(x, Lanes::splat(coefficients[k]));
    }
    value
}
