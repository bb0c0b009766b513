//! Sums and differences of resources, in whole numbers. Ports are inclusive ranges.

use lathe_topology::Resources;

use super::command::Ports;
use super::event::Free;

impl Free {
    /// The scalar part of a task's wish.
    #[must_use]
    pub fn scalars(wish: &Resources) -> Self {
        Self {
            cpus_milli: wish.cpus_milli,
            mem_bytes: wish.mem_bytes,
            disk_bytes: wish.disk_bytes,
            ports: Vec::new(),
        }
    }

    /// Adds what another offer of the same host has.
    pub fn add(&mut self, other: &Self) {
        self.cpus_milli = self.cpus_milli.saturating_add(other.cpus_milli);
        self.mem_bytes = self.mem_bytes.saturating_add(other.mem_bytes);
        self.disk_bytes = self.disk_bytes.saturating_add(other.disk_bytes);
        self.ports.extend(other.ports.iter().copied());
        self.ports.sort_unstable();
    }

    /// Takes scalars away; `false`, and nothing is changed, where they do not suffice.
    #[must_use]
    pub fn take_scalars(&mut self, wish: &Self) -> bool {
        if self.cpus_milli < wish.cpus_milli
            || self.mem_bytes < wish.mem_bytes
            || self.disk_bytes < wish.disk_bytes
        {
            return false;
        }
        self.cpus_milli -= wish.cpus_milli;
        self.mem_bytes -= wish.mem_bytes;
        self.disk_bytes -= wish.disk_bytes;
        true
    }

    /// Takes one port number out of the ranges.
    #[must_use]
    pub fn take_port(&mut self, number: u16) -> bool {
        let Some(at) = self.ports.iter().position(|(low, high)| (*low..=*high).contains(&number))
        else {
            return false;
        };
        let (low, high) = self.ports.remove(at);
        if number < high {
            self.ports.insert(at, (number + 1, high));
        }
        if low < number {
            self.ports.insert(at, (low, number - 1));
        }
        true
    }

    /// Takes ports for every wish: fixed numbers first, then the lowest that are left.
    pub fn take_ports(&mut self, wish: &Resources) -> Option<Ports> {
        let mut chosen = Ports::new();
        for port in &wish.ports {
            if let Some(number) = port.fixed {
                if !self.take_port(number) {
                    return None;
                }
                chosen.insert(port.name.clone(), number);
            }
        }
        for port in &wish.ports {
            if port.fixed.is_none() {
                let (lowest, _) = *self.ports.first()?;
                if !self.take_port(lowest) {
                    return None;
                }
                chosen.insert(port.name.clone(), lowest);
            }
        }
        Some(chosen)
    }

    /// Takes everything that one instance needs, and says which ports it got.
    pub fn take_instance(&mut self, wish: &Resources, overhead: &Self) -> Option<Ports> {
        if !self.take_scalars(&Self::scalars(wish)) || !self.take_scalars(overhead) {
            return None;
        }
        self.take_ports(wish)
    }

    /// How many port numbers the ranges hold.
    #[must_use]
    pub fn port_count(&self) -> u64 {
        self.ports.iter().map(|(low, high)| u64::from(*high - *low) + 1).sum()
    }
}

#[cfg(test)]
mod tests;
