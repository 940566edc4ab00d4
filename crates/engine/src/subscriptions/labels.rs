//! The bytes on the edges of the radix tree. Short labels live inside their node; longer ones take
//! a block from a pool of their size, so that no label costs an allocation of its own.
//!
//! Owned by the tree; called only from the thread that holds it.

use super::pool::Pool;

/// The longest label of one node, in bytes. A longer run of bytes becomes a chain of nodes, so that
/// splitting a label copies at most this much however long the topic is.
pub(super) const LABEL_BYTES_MAX: usize = 256;

/// What fits into the node itself, in bytes. It makes the node exactly half a cache line.
const INLINE_BYTES_MAX: usize = 12;

/// Block lengths of the pools, in bytes: steps of a third to a half keep the waste under a third.
const BLOCK_BYTES: [usize; 9] = [16, 24, 32, 48, 64, 96, 128, 192, LABEL_BYTES_MAX];

/// A label as a node holds it. Only the [`Labels`] it came from can read or release it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Label {
    /// The bytes themselves when there are at most `INLINE_BYTES_MAX`; else a block index in the
    /// first four.
    bytes: [u8; INLINE_BYTES_MAX],
    len: u16,
}

impl Label {
    pub(super) const EMPTY: Self = Self { bytes: [0; INLINE_BYTES_MAX], len: 0 };

    pub(super) const fn len(self) -> usize {
        self.len as usize
    }

    fn block(self) -> u32 {
        let [a, b, c, d, ..] = self.bytes;
        u32::from_le_bytes([a, b, c, d])
    }
}

/// The store of all labels too long for their node.
#[derive(Debug)]
pub(super) struct Labels {
    pools: [Pool<u8>; BLOCK_BYTES.len()],
}

impl Labels {
    pub(super) fn new() -> Self {
        Self { pools: BLOCK_BYTES.map(Pool::new) }
    }

    /// Keeps a copy of `bytes`, of which there are at most [`LABEL_BYTES_MAX`].
    pub(super) fn store(&mut self, bytes: &[u8]) -> Label {
        debug_assert!(bytes.len() <= LABEL_BYTES_MAX);
        let mut label = Label { bytes: [0; INLINE_BYTES_MAX], len: bytes.len() as u16 };
        if bytes.len() <= INLINE_BYTES_MAX {
            label.bytes[..bytes.len()].copy_from_slice(bytes);
        } else {
            let pool = &mut self.pools[class_of(bytes.len())];
            let block = pool.take();
            pool.block_mut(block)[..bytes.len()].copy_from_slice(bytes);
            label.bytes[..4].copy_from_slice(&block.to_le_bytes());
        }
        label
    }

    /// The bytes of a label. Takes it by reference because short ones are read in place.
    #[inline]
    pub(super) fn bytes<'a>(&'a self, label: &'a Label) -> &'a [u8] {
        let len = label.len();
        if len <= INLINE_BYTES_MAX {
            &label.bytes[..len]
        } else {
            &self.pools[class_of(len)].block(label.block())[..len]
        }
    }

    /// Gives the label's block back. The label must not be used afterwards.
    pub(super) fn release(&mut self, label: Label) {
        if label.len() > INLINE_BYTES_MAX {
            self.pools[class_of(label.len())].give_back(label.block());
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.pools.iter().map(Pool::memory_bytes).sum()
    }
}

/// The pool for labels of `len` bytes: the first whose blocks are long enough.
fn class_of(len: usize) -> usize {
    BLOCK_BYTES.iter().position(|&bytes| len <= bytes).unwrap_or(BLOCK_BYTES.len() - 1)
}
