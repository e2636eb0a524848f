//! Sets that grow together as links between their members are found, from any thread, in any order.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Disjoint sets of `0..n`; the smallest member stands for a set, so that the order of links leaves no trace.
#[derive(Debug)]
pub(super) struct Groups(Vec<AtomicU32>);

impl Groups {
    /// Every member by itself.
    pub(super) fn new(n: usize) -> Self {
        Self((0..n as u32).map(AtomicU32::new).collect())
    }

    fn root(&self, mut member: u32) -> u32 {
        loop {
            let parent = self.0[member as usize].load(Relaxed);
            if parent == member {
                return member;
            }
            let above = self.0[parent as usize].load(Relaxed);
            self.0[member as usize].fetch_min(above, Relaxed); // halves the path; parents only ever fall
            member = above;
        }
    }

    /// Make the sets of two members one.
    pub(super) fn link(&self, x: u32, y: u32) {
        let (mut x, mut y) = (self.root(x), self.root(y));
        while x != y {
            let (low, high) = (x.min(y), x.max(y));
            if self.0[high as usize].compare_exchange(high, low, Relaxed, Relaxed).is_ok() {
                return;
            }
            (x, y) = (self.root(low), self.root(high));
        }
    }

    /// Whether two members are plainly in one set; sets that are one may not look so.
    #[inline(always)]
    pub(super) fn have_one_parent(&self, x: u32, y: u32) -> bool {
        self.0[x as usize].load(Relaxed) == self.0[y as usize].load(Relaxed)
    }

    /// The member that stands for the set of each.
    pub(super) fn roots(&self) -> Vec<u32> {
        (0..self.0.len() as u32).map(|member| self.root(member)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Groups;
    use rayon::prelude::*;

    #[test]
    fn the_smallest_member_stands_for_a_set() {
        let groups = Groups::new(7);
        for (x, y) in [(5, 3), (6, 5), (3, 1), (2, 2)] {
            groups.link(x, y);
        }
        assert_eq!(groups.roots(), [0, 1, 2, 1, 4, 1, 1]);
    }

    #[test]
    fn links_from_many_threads_are_all_kept() {
        let (n, step) = (100_000_u32, 7);
        let groups = Groups::new(n as usize);
        (step..n).into_par_iter().for_each(|member| groups.link(member, member - step));
        assert!(groups.roots().iter().enumerate().all(|(member, &root)| root == member as u32 % step));
    }
}
