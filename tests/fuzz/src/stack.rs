//! Stack overflows as findings. Without this the process would end before its input is kept.

use std::ptr::null_mut;

/// Gives the handler of segmentation faults a stack of its own. To be called before the fuzzer sets its handlers, which take
/// over the flag.
pub fn catch_overflow() {
    const SIZE: usize = 256 * 1024;
    let memory = Box::leak(vec![0u8; SIZE].into_boxed_slice());
    let stack = libc::stack_t { ss_sp: memory.as_mut_ptr().cast(), ss_flags: 0, ss_size: SIZE };
    // Sound: the memory is never freed, and no handler is set here but the default one.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        (action.sa_sigaction, action.sa_flags) = (libc::SIG_DFL, libc::SA_ONSTACK);
        let done = libc::sigaltstack(&stack, null_mut()) | libc::sigaction(libc::SIGSEGV, &action, null_mut());
        assert_eq!(done, 0, "the handler gets no stack of its own");
    }
}
