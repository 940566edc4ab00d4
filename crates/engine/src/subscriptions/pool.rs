//! Blocks of equal length in one growing vector, with the freed ones kept for the next taker.
//!
//! The radix tree owns its pools; a block is named by its index and belongs to one node. Called
//! only from the thread that holds the tree.

/// Blocks of `block_len` items each.
#[derive(Debug)]
pub(super) struct Pool<T> {
    block_len: usize,
    /// Every block ever taken, one behind the other. Its length is a multiple of `block_len`.
    items: Vec<T>,
    /// Indices of the blocks that nobody uses. A freed block keeps its old contents.
    free: Vec<u32>,
}

impl<T: Copy + Default> Pool<T> {
    pub(super) const fn new(block_len: usize) -> Self {
        Self { block_len, items: Vec::new(), free: Vec::new() }
    }

    /// Takes a block. Its contents are whatever the last owner left; the caller overwrites them.
    ///
    /// # Panics
    /// At 2^32 blocks, which no machine reaches before its memory ends.
    pub(super) fn take(&mut self) -> u32 {
        if let Some(block) = self.free.pop() {
            return block;
        }
        let block = self.items.len() / self.block_len;
        assert!(block < u32::MAX as usize, "a pool holds less than 2^32 blocks");
        reserve_tight(&mut self.items, self.block_len);
        self.items.resize(self.items.len() + self.block_len, T::default());
        block as u32
    }

    pub(super) fn give_back(&mut self, block: u32) {
        self.free.push(block);
    }

    pub(super) fn block(&self, block: u32) -> &[T] {
        let start = block as usize * self.block_len;
        &self.items[start..start + self.block_len]
    }

    pub(super) fn block_mut(&mut self, block: u32) -> &mut [T] {
        let start = block as usize * self.block_len;
        &mut self.items[start..start + self.block_len]
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.items.capacity() * size_of::<T>() + self.free.capacity() * size_of::<u32>()
    }
}

/// Makes room for `extra` items, growing by an eighth instead of doubling: a tree of a million
/// topics shall not hold memory for two million.
pub(super) fn reserve_tight<T>(items: &mut Vec<T>, extra: usize) {
    if items.capacity() - items.len() < extra {
        items.reserve_exact(extra.max(items.len() / 8));
    }
}
