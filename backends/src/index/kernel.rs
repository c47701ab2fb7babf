//! Inner products of int8 codes: AVX-512 VNNI, AVX2 or plain Rust, whichever the machine has.
//!
//! The only module of this crate with `unsafe` in it: vector loads, and calls of functions that are compiled
//! for more than the baseline. Both need what is checked here: that the machine has the instructions.
#![expect(unsafe_code, reason = "SIMD loads and calls of functions compiled for detected CPU features")]

use std::sync::OnceLock;

/// 64 int8 codes in [-127, 127]: one cache line. A row is a slice of these, its tail zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(C, align(64))]
pub(crate) struct Line(pub(crate) [i8; 64]);

impl Line {
    /// All zero.
    pub(crate) const ZERO: Self = Self([0; 64]);
}

/// Lines that hold `dimensions` codes.
pub(crate) const fn lines_for(dimensions: usize) -> usize {
    dimensions.div_ceil(64)
}

/// Rows that [`dots`] takes at most.
pub(crate) const DOTS_MAX: usize = 16;

/// Which instructions are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// AVX-512 with VNNI: 64 codes an instruction.
    Avx512Vnni,
    /// AVX2: 32 codes in three instructions.
    Avx2,
    /// Plain Rust.
    Portable,
}

impl Kernel {
    /// The fastest this machine has, found once.
    pub fn detected() -> Self {
        static KERNEL: OnceLock<Kernel> = OnceLock::new();
        *KERNEL.get_or_init(|| {
            let available = [Self::Avx512Vnni, Self::Avx2].into_iter().find(|kernel| kernel.is_available());
            match available {
                // No kernel is trusted that does not agree with plain Rust on this very machine.
                Some(kernel) if !agrees_with_portable(kernel) => {
                    tracing::error!(?kernel, "int8 kernel disagrees with plain Rust; using plain Rust");
                    Self::Portable
                }
                Some(kernel) => kernel,
                None => Self::Portable,
            }
        })
    }

    /// Whether this machine has it.
    pub fn is_available(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        {
            match self {
                Self::Avx512Vnni => {
                    is_x86_feature_detected!("avx512f")
                        && is_x86_feature_detected!("avx512bw")
                        && is_x86_feature_detected!("avx512vnni")
                }
                Self::Avx2 => is_x86_feature_detected!("avx2"),
                Self::Portable => true,
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        {
            self == Self::Portable
        }
    }
}

/// `out[i] = query · rows[i]` for up to [`DOTS_MAX`] rows as long as the query; exact in i32 up to 131,072
/// codes.
pub(crate) fn dots(kernel: Kernel, query: &[Line], rows: &[&[Line]], out: &mut [i32; DOTS_MAX]) {
    assert!(rows.len() <= DOTS_MAX, "at most {DOTS_MAX} rows");
    match kernel {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `Kernel::detected` and the tests only give kernels whose features were detected.
        Kernel::Avx512Vnni => unsafe { x86::dots_avx512(query, rows, out) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Kernel::Avx2 => unsafe { x86::dots_avx2(query, rows, out) },
        _ => {
            for (row, out) in rows.iter().zip(out) {
                *out = dot_portable(query, row);
            }
        }
    }
}

/// Asks the processor to bring `row` into its caches.
#[inline]
pub(crate) fn prefetch(row: &[Line]) {
    row.iter().for_each(prefetch_one);
}

/// Asks the processor to bring the start of `value` into its caches.
#[inline]
pub(crate) fn prefetch_one<T>(value: &T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch touches no memory that the program can see; SSE is part of x86_64's baseline.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(value).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}

fn dot_portable(a: &[Line], b: &[Line]) -> i32 {
    let pairs = a.iter().zip(b).flat_map(|(a, b)| a.0.iter().zip(&b.0));
    pairs.map(|(a, b)| i32::from(*a) * i32::from(*b)).sum()
}

fn agrees_with_portable(kernel: Kernel) -> bool {
    let line = |seed: i32| Line(std::array::from_fn(|i| ((i as i32 * 37 + seed * 101) % 255 - 127) as i8));
    let extreme = [Line([127; 64]), Line([-127; 64]), Line::ZERO];
    let rows: Vec<[Line; 3]> = (0..9).map(|s| std::array::from_fn(|i| line(s * 3 + i as i32))).collect();
    let rows: Vec<&[Line]> = rows.iter().map(|row| &row[..]).chain([&extreme[..]]).collect();
    let mut out = [0; DOTS_MAX];
    rows.iter().all(|query| {
        dots(kernel, query, &rows, &mut out);
        rows.iter().zip(&out).all(|(row, dot)| *dot == dot_portable(query, row))
    })
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{DOTS_MAX, Line};

    /// Four rows share each load of the query. |query| (unsigned) times the row with the query's signs
    /// (signed) is the product; two of them fit an i16 because no code is -128.
    #[target_feature(enable = "avx2")]
    pub(super) fn dots_avx2(query: &[Line], rows: &[&[Line]], out: &mut [i32; DOTS_MAX]) {
        let mut done = 0;
        for rows in rows.chunks(4) {
            if let [a, b, c, d] = rows {
                out[done..done + 4].copy_from_slice(&avx2_of(query, [a, b, c, d]));
            } else {
                for (row, out) in rows.iter().zip(&mut out[done..]) {
                    *out = avx2_of(query, [row])[0];
                }
            }
            done += rows.len();
        }
    }

    #[target_feature(enable = "avx2")]
    fn avx2_of<const N: usize>(query: &[Line], rows: [&[Line]; N]) -> [i32; N] {
        let rows = rows.map(|row| &row[..query.len()]);
        let ones = _mm256_set1_epi16(1);
        let mut sums = [_mm256_setzero_si256(); N];
        for (at, line) in query.iter().enumerate() {
            let (low, high) = load_256(line);
            let (low_abs, high_abs) = (_mm256_abs_epi8(low), _mm256_abs_epi8(high));
            for (sum, row) in sums.iter_mut().zip(&rows) {
                let (row_low, row_high) = load_256(&row[at]);
                let low = _mm256_maddubs_epi16(low_abs, _mm256_sign_epi8(row_low, low));
                let high = _mm256_maddubs_epi16(high_abs, _mm256_sign_epi8(row_high, high));
                let low = _mm256_madd_epi16(low, ones);
                let high = _mm256_madd_epi16(high, ones);
                *sum = _mm256_add_epi32(*sum, _mm256_add_epi32(low, high));
            }
        }
        sums.map(|sum| {
            let sum = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256::<1>(sum));
            let sum = _mm_add_epi32(sum, _mm_shuffle_epi32::<0b01_00_11_10>(sum));
            let sum = _mm_add_epi32(sum, _mm_shuffle_epi32::<0b10_11_00_01>(sum));
            _mm_cvtsi128_si32(sum)
        })
    }

    #[target_feature(enable = "avx2")]
    fn load_256(line: &Line) -> (__m256i, __m256i) {
        let start = line.0.as_ptr().cast::<__m256i>();
        // SAFETY: a line is 64 bytes, aligned to 64: two aligned loads of 32.
        unsafe { (_mm256_load_si256(start), _mm256_load_si256(start.add(1))) }
    }

    /// The instruction wants one side unsigned: 128 is added to the row (by flipping its top bit), and
    /// 128 times the query's sum taken off at the end.
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    pub(super) fn dots_avx512(query: &[Line], rows: &[&[Line]], out: &mut [i32; DOTS_MAX]) {
        let ones = _mm512_set1_epi8(1);
        let offset = query
            .iter()
            .fold(_mm512_setzero_si512(), |sum, line| _mm512_dpbusd_epi32(sum, ones, load_512(line)));
        let offset = 128 * _mm512_reduce_add_epi32(offset);
        let mut done = 0;
        for rows in rows.chunks(4) {
            if let [a, b, c, d] = rows {
                out[done..done + 4].copy_from_slice(&avx512_of(query, [a, b, c, d], offset));
            } else {
                for (row, out) in rows.iter().zip(&mut out[done..]) {
                    *out = avx512_of(query, [row], offset)[0];
                }
            }
            done += rows.len();
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    fn avx512_of<const N: usize>(query: &[Line], rows: [&[Line]; N], offset: i32) -> [i32; N] {
        let rows = rows.map(|row| &row[..query.len()]);
        let flip = _mm512_set1_epi8(i8::MIN);
        let mut sums = [_mm512_setzero_si512(); N];
        for (at, line) in query.iter().enumerate() {
            let query = load_512(line);
            for (sum, row) in sums.iter_mut().zip(&rows) {
                *sum = _mm512_dpbusd_epi32(*sum, _mm512_xor_si512(load_512(&row[at]), flip), query);
            }
        }
        sums.map(|sum| _mm512_reduce_add_epi32(sum) - offset)
    }

    #[target_feature(enable = "avx512f")]
    fn load_512(line: &Line) -> __m512i {
        // SAFETY: a line is 64 bytes, aligned to 64: one aligned load.
        unsafe { _mm512_load_si512(line.0.as_ptr().cast()) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn row(lines: usize) -> impl Strategy<Value = Vec<Line>> {
        let code = prop_oneof![Just(-127_i8), Just(127), -127..=127_i8];
        proptest::collection::vec(code, lines * 64)
            .prop_map(|codes| codes.chunks_exact(64).map(|c| Line(c.try_into().unwrap())).collect())
    }

    proptest! {
        #[test]
        fn every_kernel_of_this_machine_agrees(
            query in row(5),
            rows in proptest::collection::vec(row(5), 0..=DOTS_MAX),
        ) {
            let rows: Vec<&[Line]> = rows.iter().map(|row| &row[..]).collect();
            for kernel in [Kernel::Avx512Vnni, Kernel::Avx2, Kernel::Portable] {
                if kernel.is_available() {
                    let mut out = [0; DOTS_MAX];
                    dots(kernel, &query, &rows, &mut out);
                    for (row, dot) in rows.iter().zip(out) {
                        prop_assert_eq!(dot, dot_portable(&query, row), "{:?}", kernel);
                    }
                }
            }
        }
    }

    #[test]
    fn the_kernel_in_use_is_trusted() {
        assert!(Kernel::detected().is_available());
        assert!(agrees_with_portable(Kernel::detected()));
    }
}
