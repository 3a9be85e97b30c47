//! Starts processes that can't outlive the emulator.

use std::io;
use std::sync::mpsc;

use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// Starts processes from one thread of its own.
///
/// Linux kills a child that asks for it when the *thread* that started it ends, not the process. The threads
/// of an async runtime come and go, so starting from one of them could kill a healthy function.
#[derive(Debug, Clone)]
pub(crate) struct Spawner {
    requests: mpsc::Sender<Request>,
}

#[derive(Debug)]
struct Request {
    command: Command,
    reply: oneshot::Sender<io::Result<Child>>,
}

impl Spawner {
    /// Must be called inside a Tokio runtime, which will own the children's pipes.
    pub(crate) fn start() -> io::Result<Self> {
        let (requests, inbox) = mpsc::channel::<Request>();
        let runtime = Handle::current();
        std::thread::Builder::new()
            .name("spawner".to_owned())
            .spawn(move || {
                let _guard = runtime.enter();
                for mut request in inbox {
                    // If the caller has gone, the child is dropped, which kills it.
                    let _ = request.reply.send(request.command.spawn());
                }
            })?;
        Ok(Spawner { requests })
    }

    /// Starts the command in a process group of its own, killed when the emulator ends, however it ends.
    pub(super) async fn spawn(&self, mut command: Command) -> io::Result<Child> {
        command.kill_on_drop(true).process_group(0);
        die_with_parent(&mut command);
        let (reply, child) = oneshot::channel();
        let gone = || io::Error::other("the emulator is shutting down");
        self.requests
            .send(Request { command, reply })
            .map_err(|_| gone())?;
        child.await.map_err(|_| gone())?
    }
}

/// Kills a process that was started here, and its own children.
#[expect(unsafe_code, reason = "no safe API kills a process group")]
pub(super) fn kill_group(pid: u32) {
    let Ok(group) = libc::pid_t::try_from(pid) else {
        return;
    };
    // SAFETY: a system call on numbers. An empty group is no error here.
    unsafe {
        libc::kill(-group, libc::SIGKILL);
    }
}

#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "no safe API sets a child's parent-death signal")]
fn die_with_parent(command: &mut Command) {
    let parent = std::process::id();
    // SAFETY: the closure runs between fork and exec, where only async-signal-safe calls are allowed. It makes
    // two system calls and builds an error from a number; it takes no lock and allocates nothing.
    unsafe {
        command.pre_exec(move || {
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0 {
                return Err(io::Error::last_os_error());
            }
            // The emulator may have died before the signal was asked for.
            if u32::try_from(libc::getppid()) != Ok(parent) {
                return Err(io::Error::from_raw_os_error(libc::ESRCH));
            }
            Ok(())
        });
    }
}

#[cfg(not(target_os = "linux"))]
fn die_with_parent(_command: &mut Command) {}
