//! Unix sockets by path, whatever its length, stale files included. Owns only their making.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

/// What surely fits a socket address: 108 bytes with the zero, and some room.
const SHORT_PATH_BYTES: usize = 100;
/// Connections that wait to be accepted.
const BACKLOG: i32 = 256;

/// A way to a path that fits a socket address: the path itself, or one through an open handle of its
/// directory, which has to stay open while the path is used.
struct Way {
    path: PathBuf,
    _dir: Option<OwnedFd>,
}

fn way(path: &Path) -> io::Result<Way> {
    if path.as_os_str().len() <= SHORT_PATH_BYTES {
        return Ok(Way { path: path.to_path_buf(), _dir: None });
    }
    let name: &OsStr = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let dir = rustix::fs::open(dir, flags, Mode::empty())?;
    let path = PathBuf::from(format!("/proc/self/fd/{}", dir.as_raw_fd())).join(name);
    Ok(Way { path, _dir: Some(dir) })
}

/// Connects to the socket at `path`.
pub(crate) fn connect(path: &Path) -> io::Result<UnixStream> {
    let way = way(path)?;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    // A Unix socket connects at once or not at all (EAGAIN: the server's queue is full).
    rustix::net::connect(&socket, &SocketAddrUnix::new(&way.path)?)?;
    Ok(UnixStream::from(socket))
}

/// Listens on a socket at `path` that only this user can connect to. A socket file that nobody
/// serves any more is replaced.
///
/// # Errors
/// `AddrInUse` when somebody serves it, `AlreadyExists` when something else than a socket is there.
pub(crate) fn listen(path: &Path) -> io::Result<UnixListener> {
    remove_stale(path)?;
    let way = way(path)?;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    rustix::net::bind(&socket, &SocketAddrUnix::new(&way.path)?)?;
    // Before it listens nobody can connect, so that the mode has no gap.
    rustix::fs::chmod(&way.path, Mode::RUSR | Mode::WUSR)?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(UnixListener::from(socket))
}

fn remove_stale(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::FileTypeExt;
    let kind = match std::fs::symlink_metadata(path) {
        Ok(metadata) => metadata.file_type(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !kind.is_socket() {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "a file that is no socket is there",
        ));
    }
    match connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        _ => Err(io::ErrorKind::AddrInUse.into()),
    }
}

#[cfg(test)]
mod tests;
