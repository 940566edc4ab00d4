//! The child tables of the radix tree: from a first byte to a node, for any fan-out from 1 to 256.
//!
//! One child is kept in the node itself. Up to 64 children share a block with their first bytes in
//! front (compared four at a time) and their node indices behind; more than 64 get a table indexed
//! by the byte. The fan-out alone decides which, so a node stores no more than a count and an
//! index.
//!
//! Owned by the tree; called only from the thread that holds it.

use super::pool::Pool;

/// How many children the blocks of each pool hold.
const CAPACITIES: [usize; 7] = [2, 4, 8, 16, 32, 64, WIDE];
const WIDE: usize = 256;
const WIDE_CLASS: usize = CAPACITIES.len() - 1;

/// "No child" in a wide table. Node 0 is the root, which is nobody's child.
const ABSENT: u32 = 0;

/// A node's children as the node holds them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Branch {
    /// 0 to 256.
    pub(super) fanout: u16,
    /// Nothing without children, the child itself when it is the only one, else a block index.
    pub(super) at: u32,
}

impl Branch {
    pub(super) const EMPTY: Self = Self { fanout: 0, at: ABSENT };

    pub(super) const fn only(child: u32) -> Self {
        Self { fanout: 1, at: child }
    }
}

/// The store of all blocks of two or more children.
#[derive(Debug)]
pub(super) struct Children {
    pools: [Pool<u32>; CAPACITIES.len()],
}

impl Children {
    pub(super) fn new() -> Self {
        Self { pools: CAPACITIES.map(|capacity| Pool::new(key_words(capacity) + capacity)) }
    }

    /// The child whose label begins with `key`. An only child is returned whatever its key is: the
    /// caller is about to compare its label anyway.
    #[inline]
    pub(super) fn find(&self, branch: Branch, key: u8) -> Option<u32> {
        match branch.fanout {
            0 => None,
            1 => Some(branch.at),
            _ => {
                let class = class_of(branch.fanout);
                let block = self.pools[class].block(branch.at);
                if class == WIDE_CLASS {
                    return Some(block[key as usize]).filter(|&child| child != ABSENT);
                }
                let (keys, nodes) = block.split_at(key_words(CAPACITIES[class]));
                position(keys, branch.fanout, key).map(|index| nodes[index])
            }
        }
    }

    /// Adds a child under a key that has none. `only_key` is the key of the only child, which the
    /// block does not know while there is just one.
    pub(super) fn insert(
        &mut self,
        branch: Branch,
        only_key: Option<u8>,
        key: u8,
        child: u32,
    ) -> Branch {
        let grown = branch.fanout + 1;
        match (branch.fanout, only_key) {
            (0, _) => Branch::only(child),
            (1, Some(only_key)) => {
                let at = self.pools[0].take();
                let mut keys = KeyedBlock::of(&mut self.pools[0], 0, at);
                keys.put(0, only_key, branch.at);
                keys.put(1, key, child);
                Branch { fanout: grown, at }
            }
            _ => {
                let moved = self.resize(branch, grown);
                let class = class_of(grown);
                if class == WIDE_CLASS {
                    self.pools[class].block_mut(moved.at)[key as usize] = child;
                } else {
                    let index = branch.fanout as usize;
                    KeyedBlock::of(&mut self.pools[class], class, moved.at).put(index, key, child);
                }
                moved
            }
        }
    }

    /// Puts another node where the child under `key` was.
    pub(super) fn replace(&mut self, branch: Branch, key: u8, child: u32) -> Branch {
        if branch.fanout <= 1 {
            return Branch { at: child, ..branch };
        }
        let class = class_of(branch.fanout);
        if class == WIDE_CLASS {
            self.pools[class].block_mut(branch.at)[key as usize] = child;
        } else {
            let mut block = KeyedBlock::of(&mut self.pools[class], class, branch.at);
            if let Some(index) = position(block.keys, branch.fanout, key) {
                block.put(index, key, child);
            }
        }
        branch
    }

    /// Removes the child under `key`.
    pub(super) fn remove(&mut self, branch: Branch, key: u8) -> Branch {
        if branch.fanout <= 1 {
            return Branch::EMPTY;
        }
        let class = class_of(branch.fanout);
        if class == WIDE_CLASS {
            self.pools[class].block_mut(branch.at)[key as usize] = ABSENT;
        } else {
            let mut block = KeyedBlock::of(&mut self.pools[class], class, branch.at);
            let last = branch.fanout as usize - 1;
            if let Some(index) = position(block.keys, branch.fanout, key) {
                let (last_key, last_child) = block.entry(last);
                block.put(index, last_key, last_child);
            }
        }
        self.resize(branch, branch.fanout - 1)
    }

    /// Copies another store's block into this one, each child renamed by `rename`.
    pub(super) fn adopt(
        &mut self,
        other: &Self,
        branch: Branch,
        rename: impl Fn(u32) -> u32,
    ) -> Branch {
        match branch.fanout {
            0 => branch,
            1 => Branch::only(rename(branch.at)),
            fanout => {
                let class = class_of(fanout);
                let at = self.pools[class].take();
                let block = self.pools[class].block_mut(at);
                block.copy_from_slice(other.pools[class].block(branch.at));
                if class == WIDE_CLASS {
                    block.iter_mut().filter(|child| **child != ABSENT).for_each(|child| {
                        *child = rename(*child);
                    });
                } else {
                    let keys = key_words(CAPACITIES[class]);
                    for child in &mut block[keys..keys + fanout as usize] {
                        *child = rename(*child);
                    }
                }
                Branch { fanout, at }
            }
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.pools.iter().map(Pool::memory_bytes).sum()
    }

    /// Moves the entries to a block that fits `fanout` of them; the first `min` of the old and the
    /// new count survive. At one child the block goes and the child moves into the branch.
    fn resize(&mut self, branch: Branch, fanout: u16) -> Branch {
        let (old, new) = (class_of(branch.fanout), class_of(fanout));
        if fanout > 1 && old == new {
            return Branch { fanout, at: branch.at };
        }
        let mut entries = [(0_u8, ABSENT); CAPACITIES[WIDE_CLASS - 1] + 1];
        let mut count = 0;
        let kept = branch.fanout.min(fanout) as usize;
        if old == WIDE_CLASS {
            let block = self.pools[old].block(branch.at);
            for (key, &child) in (0_u8..=255).zip(block).filter(|(_, child)| **child != ABSENT) {
                if count < kept.min(entries.len()) {
                    entries[count] = (key, child);
                    count += 1;
                }
            }
        } else {
            let block = KeyedBlock::of(&mut self.pools[old], old, branch.at);
            while count < kept {
                entries[count] = block.entry(count);
                count += 1;
            }
        }
        self.pools[old].give_back(branch.at);
        if fanout <= 1 {
            return Branch::only(entries[0].1);
        }
        let at = self.pools[new].take();
        if new == WIDE_CLASS {
            let block = self.pools[new].block_mut(at);
            block.fill(ABSENT);
            entries[..count].iter().for_each(|&(key, child)| block[key as usize] = child);
        } else {
            let mut block = KeyedBlock::of(&mut self.pools[new], new, at);
            for (index, &(key, child)) in entries[..count].iter().enumerate() {
                block.put(index, key, child);
            }
        }
        Branch { fanout, at }
    }
}

/// A block of up to 64 children: the keys, four to a word, then the nodes.
struct KeyedBlock<'a> {
    keys: &'a mut [u32],
    nodes: &'a mut [u32],
}

impl<'a> KeyedBlock<'a> {
    fn of(pool: &'a mut Pool<u32>, class: usize, at: u32) -> Self {
        let (keys, nodes) = pool.block_mut(at).split_at_mut(key_words(CAPACITIES[class]));
        Self { keys, nodes }
    }

    fn put(&mut self, index: usize, key: u8, child: u32) {
        let shift = (index % 4) * 8;
        let word = &mut self.keys[index / 4];
        *word = *word & !(0xff << shift) | u32::from(key) << shift;
        self.nodes[index] = child;
    }

    fn entry(&self, index: usize) -> (u8, u32) {
        ((self.keys[index / 4] >> ((index % 4) * 8)) as u8, self.nodes[index])
    }
}

/// Where `key` stands among the first `fanout` keys. The keys differ from each other, and what lies
/// behind the last of them is stale: a hit there means that there is none before.
#[inline]
fn position(keys: &[u32], fanout: u16, key: u8) -> Option<usize> {
    const ONES: u32 = 0x0101_0101;
    let probe = u32::from(key) * ONES;
    for (word_index, &word) in keys.iter().enumerate() {
        // The lowest zero byte of `differing` is the lowest set bit here; the ones above it may
        // lie.
        let differing = word ^ probe;
        let zero_bytes = differing.wrapping_sub(ONES) & !differing & (ONES << 7);
        if zero_bytes != 0 {
            let index = word_index * 4 + zero_bytes.trailing_zeros() as usize / 8;
            return Some(index).filter(|&index| index < fanout as usize);
        }
    }
    None
}

/// The pool for blocks of `fanout` children. Fan-outs of 0 and 1 need none and count as the first.
fn class_of(fanout: u16) -> usize {
    let fanout = fanout as usize;
    CAPACITIES.iter().position(|&capacity| fanout <= capacity).unwrap_or(WIDE_CLASS)
}

/// How many words the keys take. The wide table is indexed by the key and stores none.
const fn key_words(capacity: usize) -> usize {
    if capacity == WIDE { 0 } else { capacity.div_ceil(4) }
}
