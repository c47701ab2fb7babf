//! Codes side by side, in large pages where the system has them.
//!
//! A scan of one category, and a walk through the graph, read rows that lie apart: in pages of 4 KiB each row costs a
//! walk through the page tables besides its own memory.
#![expect(unsafe_code, reason = "memory is mapped here, so that it can be asked to lie in large pages")]

use std::ops::{Deref, DerefMut};

use super::kernel::Line;

/// Lines, zero at first.
pub(crate) struct Lines(memory::Memory);

impl Lines {
    /// So many lines of zeros.
    pub(crate) fn zeros(count: usize) -> Self {
        Self(memory::Memory::zeros(count))
    }
}

impl Deref for Lines {
    type Target = [Line];

    fn deref(&self) -> &[Line] {
        self.0.as_slice()
    }
}

impl DerefMut for Lines {
    fn deref_mut(&mut self) -> &mut [Line] {
        self.0.as_mut_slice()
    }
}

#[cfg(target_os = "linux")]
mod memory {
    use std::ffi::c_void;
    use std::ptr::{NonNull, null_mut};

    use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};

    use super::Line;

    /// Size of a large page on x86_64 and, by default, on aarch64.
    const LARGE: usize = 2 << 20;

    /// A mapping of its own, or memory of the allocator where there is none to be had.
    pub(super) enum Memory {
        Mapped { base: NonNull<c_void>, bytes: usize, lines: NonNull<Line>, count: usize },
        Allocated(Vec<Line>),
    }

    // SAFETY: the mapping belongs to this value alone, as a vector's memory does.
    unsafe impl Send for Memory {}
    // SAFETY: shared references only read it.
    unsafe impl Sync for Memory {}

    impl Memory {
        pub(super) fn zeros(count: usize) -> Self {
            Self::mapped(count).unwrap_or_else(|| Self::Allocated(vec![Line::ZERO; count]))
        }

        fn mapped(count: usize) -> Option<Self> {
            let wanted = count.checked_mul(size_of::<Line>())?.checked_next_multiple_of(LARGE)?;
            // Room to begin at the border of a large page.
            let bytes = wanted.checked_add(LARGE)?;
            let (access, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
            // SAFETY: a new anonymous mapping at an address of the system's choice overlaps nothing.
            let base = NonNull::new(unsafe { mmap_anonymous(null_mut(), bytes, access, flags) }.ok()?)?;
            let offset = base.as_ptr().align_offset(LARGE);
            // SAFETY: `offset` is less than `LARGE`, so `wanted` bytes from there lie within the mapping.
            let start = unsafe { base.byte_add(offset) };
            // SAFETY: the range lies within the mapping. Where there are no large pages small ones serve.
            let _ = unsafe { madvise(start.as_ptr(), wanted, Advice::LinuxHugepage) };
            Some(Self::Mapped { base, bytes, lines: start.cast(), count })
        }

        pub(super) fn as_slice(&self) -> &[Line] {
            match self {
                // SAFETY: `count` lines from there are mapped, aligned, and initialised: the system gives zeros.
                Self::Mapped { lines, count, .. } => unsafe {
                    std::slice::from_raw_parts(lines.as_ptr(), *count)
                },
                Self::Allocated(lines) => lines,
            }
        }

        pub(super) fn as_mut_slice(&mut self) -> &mut [Line] {
            match self {
                // SAFETY: as above, and nobody else refers to it.
                Self::Mapped { lines, count, .. } => unsafe {
                    std::slice::from_raw_parts_mut(lines.as_ptr(), *count)
                },
                Self::Allocated(lines) => lines,
            }
        }
    }

    impl Drop for Memory {
        fn drop(&mut self) {
            if let Self::Mapped { base, bytes, .. } = self {
                // SAFETY: the mapping was made here with this size, and nothing refers to it any more.
                let unmapped = unsafe { munmap(base.as_ptr(), *bytes) };
                debug_assert!(unmapped.is_ok(), "a mapping of ours was not taken back");
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod memory {
    use super::Line;

    pub(super) struct Memory(Vec<Line>);

    impl Memory {
        pub(super) fn zeros(count: usize) -> Self {
            Self(vec![Line::ZERO; count])
        }

        pub(super) fn as_slice(&self) -> &[Line] {
            &self.0
        }

        pub(super) fn as_mut_slice(&mut self) -> &mut [Line] {
            &mut self.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_zero_and_keep_what_is_written() {
        for count in [0, 1, 32_768, 100_000] {
            let mut lines = Lines::zeros(count);
            assert_eq!(lines.len(), count);
            assert!(lines.iter().all(|line| *line == Line::ZERO));
            if let Some(last) = lines.last_mut() {
                *last = Line([7; 64]);
                assert_eq!(lines[count - 1], Line([7; 64]));
                assert_eq!(lines.as_ptr().align_offset(align_of::<Line>()), 0);
            }
        }
    }

    #[test]
    fn lines_are_given_back() {
        for _ in 0..200 {
            let mut lines = Lines::zeros(1 << 18); // 16 MiB
            lines[0] = Line([1; 64]);
        }
    }
}
