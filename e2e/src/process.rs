//! Killing the processes of functions.

/// Kills a process at once. Returns whether there was one.
pub fn kill(pid: i32) -> bool {
    // SAFETY: a signal to another process does not touch the memory of this one.
    #[expect(
        unsafe_code,
        reason = "no safe API sends a signal to a process by its id"
    )]
    let sent = unsafe { libc::kill(pid, libc::SIGKILL) };
    sent == 0
}
