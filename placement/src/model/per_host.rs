//! A value for each host, kept small where it is the same everywhere.
//!
//! Must not know what the values mean.

/// The usual value, and all of them where some differ.
#[derive(Debug, Clone)]
pub(crate) struct PerHost<T> {
    usual: T,
    all: Vec<T>,
}

impl<T: Copy + PartialEq> PerHost<T> {
    pub(crate) fn new(usual: T) -> Self {
        Self { usual, all: Vec::new() }
    }

    #[inline]
    pub(crate) fn at(&self, host: usize) -> T {
        self.all.get(host).copied().unwrap_or(self.usual)
    }

    /// Changes the value of one of so many hosts.
    pub(crate) fn set(&mut self, host: usize, hosts: usize, value: T) {
        if self.all.is_empty() {
            if value == self.usual {
                return;
            }
            self.all = vec![self.usual; hosts];
        }
        self.all[host] = value;
    }

    /// Every host has the usual value.
    pub(crate) fn is_usual(&self) -> bool {
        self.all.is_empty()
    }
}
