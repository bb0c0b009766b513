//! What happens between fork and exec, and the look-ups that only libc has: the project's only
//! `unsafe`. Owns those calls; must not decide anything that could be decided outside.
#![expect(unsafe_code, reason = "fork, exec and the user databases have no safe interface")]

use std::ffi::{CStr, CString, c_char};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use rustix::process::{Gid, Pid, Signal, Uid};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// How often an exec of a file that is still open for writing is tried again, and how far apart: a
/// fork elsewhere in this process can hold the writer's handle for a moment longer.
const BUSY_TRIES: u32 = 100;
const BUSY_PAUSE: Duration = Duration::from_millis(2);

/// Where the new process failed, told to the parent through a pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Group,
    User,
    ParentDeath,
    Directory,
    Exec,
}

impl Step {
    const ALL: [Self; 5] =
        [Self::Group, Self::User, Self::ParentDeath, Self::Directory, Self::Exec];

    /// The step of the first byte of a report; `None` when the fork itself failed.
    pub(crate) fn from_report(report: &[u8]) -> Option<Self> {
        let byte = *report.first()?;
        Self::ALL.into_iter().find(|step| *step as u8 == byte)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Group => "making its process group",
            Self::User => "becoming its user",
            Self::ParentDeath => "tying it to its parent",
            Self::Directory => "entering its directory",
            Self::Exec => "exec",
        }
    }
}

/// Ids to take on.
pub(crate) struct Identity {
    pub(crate) uid: Uid,
    pub(crate) gid: Gid,
    pub(crate) groups: Vec<Gid>,
}

/// Everything that the new process does before it runs the program, prepared so that it allocates
/// nothing (after a fork only async-signal-safe calls are sound).
pub(crate) struct Steps {
    pub(crate) own_group: bool,
    pub(crate) identity: Option<Identity>,
    pub(crate) parent_death: Option<Signal>,
    pub(crate) parent: Pid,
    pub(crate) dir: Option<CString>,
    /// Paths to try, as a look-up through PATH gives them.
    pub(crate) candidates: Vec<CString>,
    pub(crate) argv: CStrings,
    pub(crate) envp: CStrings,
    pub(crate) report: OwnedFd,
}

/// Strings with the null-ended array of pointers that exec wants.
pub(crate) struct CStrings {
    pointers: Vec<*const c_char>,
    _strings: Vec<CString>,
}

impl CStrings {
    pub(crate) fn new(strings: Vec<CString>) -> Self {
        let mut pointers: Vec<*const c_char> = strings.iter().map(|s| s.as_ptr()).collect();
        pointers.push(std::ptr::null());
        Self { pointers, _strings: strings }
    }
}

// SAFETY: the pointers lead into the strings beside them, which nobody changes and which live as long.
unsafe impl Send for CStrings {}
// SAFETY: as above; there is no interior mutability.
unsafe impl Sync for CStrings {}

/// Makes `command` carry out `steps` in the new process. They end in an exec of their own, since the
/// one of the standard library hands a file of unknown format to `sh`.
pub(crate) fn install(command: &mut Command, steps: Steps) {
    // SAFETY: `carry_out` only makes system calls on memory that was prepared before the fork: no
    // allocation, no lock, no panic.
    unsafe {
        command.pre_exec(move || steps.carry_out());
    }
}

impl Steps {
    fn carry_out(&self) -> io::Result<()> {
        let Err((step, error)) = self.try_all();
        // The parent gets the error number from the standard library, the step from here.
        let _ = rustix::io::write(&self.report, &[step as u8]);
        Err(io::Error::from_raw_os_error(error.raw_os_error()))
    }

    fn try_all(&self) -> Result<std::convert::Infallible, (Step, rustix::io::Errno)> {
        default_signals();
        if self.own_group {
            rustix::process::setpgid(None, None).map_err(|error| (Step::Group, error))?;
        }
        if let Some(identity) = &self.identity {
            identity.take_on().map_err(|error| (Step::User, error))?;
        }
        // After the change of user, which clears it.
        if let Some(signal) = self.parent_death {
            rustix::process::set_parent_process_death_signal(Some(signal))
                .map_err(|error| (Step::ParentDeath, error))?;
            if rustix::process::getppid() != Some(self.parent) {
                // The parent ended before the signal was set: nobody is there to be told.
                // SAFETY: ends this process at once, which is allowed after a fork.
                unsafe { libc::_exit(127) };
            }
        }
        if let Some(dir) = &self.dir {
            rustix::process::chdir(dir.as_c_str()).map_err(|error| (Step::Directory, error))?;
        }
        close_all_on_exec();
        Err((Step::Exec, self.exec()))
    }

    fn exec(&self) -> rustix::io::Errno {
        use rustix::io::Errno;
        let mut refused = Errno::NOENT;
        for candidate in &self.candidates {
            let error = self.exec_one(candidate);
            match error {
                Errno::NOENT | Errno::NOTDIR => {}
                Errno::ACCESS => refused = error,
                other => return other,
            }
        }
        refused
    }

    fn exec_one(&self, program: &CStr) -> rustix::io::Errno {
        let mut error = rustix::io::Errno::IO;
        for _ in 0..BUSY_TRIES {
            // SAFETY: all three point to null-ended strings and arrays that live in `self`; on success
            // it does not return.
            unsafe {
                libc::execve(
                    program.as_ptr(),
                    self.argv.pointers.as_ptr(),
                    self.envp.pointers.as_ptr(),
                );
            }
            error = io::Error::last_os_error()
                .raw_os_error()
                .map_or(rustix::io::Errno::IO, rustix::io::Errno::from_raw_os_error);
            if error != rustix::io::Errno::TXTBSY {
                return error;
            }
            let pause =
                rustix::thread::Timespec { tv_sec: 0, tv_nsec: BUSY_PAUSE.subsec_nanos().into() };
            let _ = rustix::thread::nanosleep(&pause);
        }
        error
    }
}

impl Identity {
    fn take_on(&self) -> rustix::io::Result<()> {
        // The thread is the whole process here, so that the thread's calls are the right ones.
        rustix::thread::set_thread_groups(&self.groups)?;
        rustix::thread::set_thread_res_gid(self.gid, self.gid, self.gid)?;
        rustix::thread::set_thread_res_uid(self.uid, self.uid, self.uid)
    }
}

/// Signals that this process ignores would stay ignored in the program. SIGHUP is left as it is:
/// whoever was started with `nohup` means its children too.
fn default_signals() {
    for number in 1..=libc::SIGRTMAX() {
        if number == libc::SIGHUP {
            continue;
        }
        // SAFETY: setting a default disposition is async-signal-safe; numbers that cannot be set are
        // refused by the call.
        unsafe {
            libc::signal(number, libc::SIG_DFL);
        }
    }
}

/// No handle but the three standard ones reaches the program, even one that was opened carelessly.
fn close_all_on_exec() {
    // SAFETY: only marks handles; those of the standard library stay usable up to the exec. A kernel
    // without the call refuses it, and the handles' own flags decide as before.
    unsafe {
        libc::syscall(
            libc::SYS_close_range,
            3 as libc::c_uint,
            libc::c_uint::MAX,
            libc::CLOSE_RANGE_CLOEXEC as libc::c_uint,
        );
    }
}

/// Makes sure that the ends of children can be waited for, also where whoever started this process
/// had it ignore SIGCHLD (the kernel then throws the ends away).
pub(crate) fn keep_child_exits() {
    // SAFETY: both calls are given a whole, zeroed structure; only the ignoring disposition is
    // replaced, a handler of someone else is left alone.
    unsafe {
        let mut current: libc::sigaction = std::mem::zeroed();
        if libc::sigaction(libc::SIGCHLD, std::ptr::null(), &raw mut current) == 0
            && current.sa_sigaction == libc::SIG_IGN
        {
            libc::signal(libc::SIGCHLD, libc::SIG_DFL);
        }
    }
}

/// Registers a process's handle with the runtime, to be woken at the process's end.
pub(crate) fn watch_handle(handle: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` stays open under the same number until it is dropped, and here it is only
    // ever lent out shared, so that it is dropped after its registration.
    unsafe { AsyncFd::register_with_interest(handle, Interest::READABLE) }.map_err(io::Error::from)
}

/// What the system's user database says of a name.
pub(crate) struct Passwd {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) home: Vec<u8>,
}

const MAX_LOOKUP_BYTES: usize = 1024 * 1024;
const MAX_GROUPS: usize = 65_536;

pub(crate) fn passwd(name: &CStr) -> io::Result<Option<Passwd>> {
    let mut buffer = vec![0 as c_char; 1024];
    loop {
        // SAFETY: passwd is plain data; zeroes are valid for it.
        let mut entry: libc::passwd = unsafe { std::mem::zeroed() };
        let mut found: *mut libc::passwd = std::ptr::null_mut();
        // SAFETY: all pointers are to live memory of the sizes that are given.
        let code = unsafe {
            libc::getpwnam_r(
                name.as_ptr(),
                &raw mut entry,
                buffer.as_mut_ptr(),
                buffer.len(),
                &raw mut found,
            )
        };
        match code {
            0 if found.is_null() => return Ok(None),
            0 => {
                let home = if entry.pw_dir.is_null() {
                    Vec::new()
                } else {
                    // SAFETY: a found entry's strings are null-ended and stand in `buffer`.
                    unsafe { CStr::from_ptr(entry.pw_dir) }.to_bytes().to_vec()
                };
                return Ok(Some(Passwd { uid: entry.pw_uid, gid: entry.pw_gid, home }));
            }
            libc::ERANGE if buffer.len() < MAX_LOOKUP_BYTES => {
                buffer.resize(buffer.len() * 2, 0);
            }
            libc::ENOENT | libc::ESRCH => return Ok(None),
            code => return Err(io::Error::from_raw_os_error(code)),
        }
    }
}

/// All groups of a user, `gid` included.
pub(crate) fn groups(name: &CStr, gid: u32) -> io::Result<Vec<u32>> {
    let mut groups: Vec<libc::gid_t> = vec![0; 64];
    loop {
        let mut count = libc::c_int::try_from(groups.len()).map_err(io::Error::other)?;
        // SAFETY: `count` is the length of the array; the call writes no more than that.
        let code =
            unsafe { libc::getgrouplist(name.as_ptr(), gid, groups.as_mut_ptr(), &raw mut count) };
        let wanted = usize::try_from(count).unwrap_or(0);
        if code >= 0 {
            groups.truncate(wanted);
            return Ok(groups);
        }
        if groups.len() >= MAX_GROUPS {
            return Err(io::Error::other("too many groups"));
        }
        groups.resize(wanted.max(groups.len() * 2), 0);
    }
}
