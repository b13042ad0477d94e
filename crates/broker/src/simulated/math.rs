//! The few functions of mathematics that the simulated market needs, from `+ - * / sqrt` and integer operations only.
//!
//! Why not `f64::exp` and `f64::ln`: those call the platform's library, whose last bit differs between platforms, and
//! a price path is a recursion over thousands of days that must be the same on every machine. IEEE 754 fixes the
//! results of the five operations used here, and Rust neither fuses nor reorders them.

use rand::Rng;

const LN_2_HIGH: f64 = 6.931_471_803_691_238e-1;
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
const LOG2_E: f64 = std::f64::consts::LOG2_E;

/// e^x, relative error below 1e-15; the argument is clamped to [-700, 700].
pub(super) fn exp(x: f64) -> f64 {
    // Adding and subtracting 1.5 * 2^52 rounds to a whole number without a call to the platform's `floor`.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    let x = x.clamp(-700.0, 700.0);
    let k = (x * LOG2_E + ROUND) - ROUND;
    let r = (x - k * LN_2_HIGH) - k * LN_2_LOW;
    // Taylor series on |r| <= ln(2) / 2, as even and odd powers: the first term left out is below 2e-16.
    const EVEN: [f64; 7] =
        [1.0 / 479_001_600.0, 1.0 / 3_628_800.0, 1.0 / 40_320.0, 1.0 / 720.0, 1.0 / 24.0, 0.5, 1.0];
    const ODD: [f64; 6] = [1.0 / 39_916_800.0, 1.0 / 362_880.0, 1.0 / 5_040.0, 1.0 / 120.0, 1.0 / 6.0, 1.0];
    let series = polynomial(&EVEN, r * r) + r * polynomial(&ODD, r * r);
    // k is in [-1010, 1010]: the exponent field neither underflows nor overflows.
    series * f64::from_bits(((k as i64 + 1023) as u64) << 52)
}

/// Horner's rule, highest power first.
#[inline]
fn polynomial<const N: usize>(coefficients: &[f64; N], x: f64) -> f64 {
    coefficients.iter().fold(0.0, |sum, coefficient| sum * x + coefficient)
}

/// Natural logarithm of a positive normal number, absolute error below 1e-15 near 1.
pub(super) fn ln(x: f64) -> f64 {
    let bits = x.to_bits();
    let mut exponent = ((bits >> 52) & 0x7ff) as i64 - 1023;
    let mut mantissa = f64::from_bits((bits & ((1 << 52) - 1)) | (1023 << 52));
    if mantissa > std::f64::consts::SQRT_2 {
        mantissa *= 0.5;
        exponent += 1;
    }
    // ln m = 2 artanh((m - 1) / (m + 1)) with an argument of at most 0.1716: a series in f^2, as even and odd powers
    // of it.
    let f = (mantissa - 1.0) / (mantissa + 1.0);
    let f2 = f * f;
    const EVEN: [f64; 5] = [1.0 / 17.0, 1.0 / 13.0, 1.0 / 9.0, 1.0 / 5.0, 1.0];
    const ODD: [f64; 5] = [1.0 / 19.0, 1.0 / 15.0, 1.0 / 11.0, 1.0 / 7.0, 1.0 / 3.0];
    let series = polynomial(&EVEN, f2 * f2) + f2 * polynomial(&ODD, f2 * f2);
    exponent as f64 * LN_2_HIGH + (2.0 * f * series + exponent as f64 * LN_2_LOW)
}

/// Uniform on [0, 1) from 64 random bits.
#[inline]
pub(super) fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
}

/// Exponential with mean 1 from 64 random bits; at most 36.8.
#[inline]
pub(super) fn exponential(bits: u64) -> f64 {
    -ln(1.0 - unit(bits))
}

/// A point of the open unit disc without its centre, and its squared radius.
#[inline]
fn disc(rng: &mut impl Rng) -> (f64, f64, f64) {
    loop {
        // Accepts pi/4 of the draws, so it ends with probability one, after 1.3 rounds on average.
        let bits = rng.next_u64();
        let u = (bits >> 32) as f64 * (2.0 / 4_294_967_296.0) - 1.0;
        let v = (bits & 0xffff_ffff) as f64 * (2.0 / 4_294_967_296.0) - 1.0;
        let w = u * u + v * v;
        if w > 0.0 && w < 1.0 {
            return (u, v, w);
        }
    }
}

/// Two independent standard normals (Marsaglia's polar method).
pub(super) fn normals(rng: &mut impl Rng) -> (f64, f64) {
    let (u, v, w) = disc(rng);
    let stretch = (-2.0 * ln(w) / w).sqrt();
    (u * stretch, v * stretch)
}

/// The random scale that makes a standard normal a Student t with five degrees of freedom and unit variance: the root
/// of
/// 3 / chi-squared(5), cut at 5 (once in 4,000 draws), which takes half a percent of the variance.
pub(super) fn student_scale(rng: &mut impl Rng) -> f64 {
    // Chi-squared with five degrees: a squared normal and two exponentials of mean 2.
    let (z, _) = normals(rng);
    let (u, v) = (1.0 - unit(rng.next_u64()), 1.0 - unit(rng.next_u64()));
    (3.0 / (z * z - 2.0 * ln(u * v))).sqrt().min(5.0)
}

/// A fat-tailed shock of unit variance and kurtosis 6.9 from 64 random bits: the sum of four uniforms times one of
/// three scales. For the hundreds of minutes of each day, where a Student t would cost twenty times as much.
#[inline]
pub(super) fn minute_shock(bits: u64) -> f64 {
    // Squares 0.5, 1.2 and 5.7 in 11, 4 and 1 of 16 cases: their mean is 1.
    const CALM: f64 = std::f64::consts::FRAC_1_SQRT_2;
    const BUSY: f64 = 1.095_445_115_010_332_2;
    const WILD: f64 = 2.387_467_277_262_664_5;
    let scale = match bits >> 60 {
        0..=10 => CALM,
        11..=14 => BUSY,
        _ => WILD,
    };
    let sum = (bits & 0x7fff) + ((bits >> 15) & 0x7fff) + ((bits >> 30) & 0x7fff) + ((bits >> 45) & 0x7fff);
    // Mean 2, variance 4 / 12, in units of 2^15; half a step for each of the four keeps the mean.
    const ROOT_3: f64 = 1.732_050_807_568_877_2;
    ((sum as f64 + 2.0) * (1.0 / 32_768.0) - 2.0) * ROOT_3 * scale
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn exp_and_ln_agree_with_the_platform_to_the_last_digits() {
        for i in -6_000..6_000 {
            let x = f64::from(i) * 0.01;
            assert!((exp(x) / x.exp() - 1.0).abs() < 2e-15, "exp({x})");
            let y = x.exp();
            assert!((ln(y) - x).abs() <= 4e-15 * x.abs().max(1.0), "ln({y})");
        }
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(ln(1.0), 0.0);
    }

    fn moments(mut draw: impl FnMut() -> f64) -> (f64, f64, f64) {
        let n = 400_000;
        let (mut s1, mut s2, mut s4) = (0.0, 0.0, 0.0);
        for _ in 0..n {
            let x = draw();
            s1 += x;
            s2 += x * x;
            s4 += x * x * x * x;
        }
        let n = f64::from(n);
        (s1 / n, s2 / n, (s4 / n) / (s2 / n).powi(2))
    }

    #[test]
    fn normals_and_students_have_the_moments_of_their_laws() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for half in [0, 1] {
            let (mean, variance, kurtosis) = moments(|| <[f64; 2]>::from(normals(&mut rng))[half]);
            assert!(mean.abs() < 0.01 && (variance - 1.0).abs() < 0.02 && (kurtosis - 3.0).abs() < 0.1);
        }
        let (mean, variance, kurtosis) = moments(|| student_scale(&mut rng) * normals(&mut rng).0);
        assert!(mean.abs() < 0.01 && (variance - 1.0).abs() < 0.03, "{mean} {variance}");
        assert!((5.0..9.5).contains(&kurtosis), "t5 has kurtosis 9, a little less when cut: {kurtosis}");
        let (mean, variance, kurtosis) = moments(|| minute_shock(rng.next_u64()));
        assert!(mean.abs() < 0.01 && (variance - 1.0).abs() < 0.02, "{mean} {variance}");
        assert!((6.4..7.4).contains(&kurtosis), "{kurtosis}");
        let (mean, variance, _) = moments(|| exponential(rng.next_u64()));
        assert!((mean - 1.0).abs() < 0.01 && (variance - 2.0).abs() < 0.05, "second moment of Exp(1) is 2");
    }
}
