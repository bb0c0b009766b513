//! A log file that is rotated by size, so that all its pieces together stay bounded.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A log file of bounded size: when `path` is full it becomes `path.1`, that `path.2`, and so on.
#[derive(Debug)]
pub struct RotatingFile {
    path: PathBuf,
    file: File,
    size: u64,
    max_bytes: u64,
    files: u32,
}

impl RotatingFile {
    /// Opens or makes the file, going on at its end. At most `files` files (at least 1) of at most
    /// `max_bytes` bytes (at least 1) each are kept.
    ///
    /// # Errors
    /// What the file system says.
    pub fn open(path: impl AsRef<Path>, max_bytes: u64, files: u32) -> io::Result<Self> {
        let path = path.as_ref().to_path_buf();
        let file = OpenOptions::new().create(true).append(true).open(&path)?;
        let size = file.metadata()?.len();
        Ok(Self { path, file, size, max_bytes: max_bytes.max(1), files: files.max(1) })
    }

    /// The newest file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes, rotating where needed, at a line's end where there is one.
    ///
    /// # Errors
    /// What the file system says; what was written up to then stays.
    pub fn append(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let room = usize::try_from(self.max_bytes.saturating_sub(self.size))
                .unwrap_or(usize::MAX)
                .min(bytes.len());
            let take = if room == bytes.len() { room } else { self.whole_lines(&bytes[..room]) };
            let (now, later) = bytes.split_at(take);
            self.file.write_all(now)?;
            self.size += now.len() as u64;
            bytes = later;
            if !bytes.is_empty() {
                self.rotate()?;
            }
        }
        Ok(())
    }

    /// How much of what fits to write: whole lines; all of it when a line is longer than a file.
    fn whole_lines(&self, fits: &[u8]) -> usize {
        match fits.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => end + 1,
            None if self.size == 0 => fits.len(),
            None => 0,
        }
    }

    fn rotate(&mut self) -> io::Result<()> {
        for number in (1..self.files).rev() {
            let from = if number == 1 { self.path.clone() } else { self.numbered(number - 1) };
            match std::fs::rename(from, self.numbered(number)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        if self.files == 1 {
            // Readers of the old content keep it; a file cut short under them would confuse them.
            match std::fs::remove_file(&self.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        self.file = OpenOptions::new().create(true).append(true).open(&self.path)?;
        self.size = 0;
        Ok(())
    }

    fn numbered(&self, number: u32) -> PathBuf {
        let mut name: OsString = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        PathBuf::from(name)
    }
}

impl Write for RotatingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.append(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests;
