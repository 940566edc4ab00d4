//! The message part: 64 bytes that hold a small payload themselves or point to a counted one. A
//! `Msg` belongs to whoever has it; payloads are shared between clones on any threads and are
//! written only by a sole holder.
//!
//! The memory of a `Msg` is the memory of C's `zmq_msg_t`: it may be moved by copying 64 bytes, and
//! [`Msg::is_valid`] tells one that C closed, or never made, by the byte of its kind.

mod convert;
mod group;
mod hands;
mod refill;
#[cfg(all(test, not(loom)))]
mod tests;

use std::alloc::handle_alloc_error;
use std::ffi::{CStr, c_void};
use std::mem::{self, ManuallyDrop, MaybeUninit};
use std::ptr::{self, NonNull};
use std::slice;
use std::str::Utf8Error;

use crate::error::OutOfMemory;
use crate::heap::{self, Fill, Heap};
use crate::limits::INLINE_MAX;
use crate::meta::{self, Meta, SharedMeta};
use crate::owner::{self, FreeFn, Owner, UserBuffer};
use crate::returns;
use crate::slab::{self, SlabBlock};

/// One message part: a payload of bytes with its flags and its origin.
///
/// Payloads of up to [`INLINE_MAX`] bytes live inside the 64 bytes of the message; larger ones are
/// counted, so that [`clone`](Clone::clone) is cheap whatever the length. A new message is empty.
///
/// Memory cost: 64 bytes; a larger payload adds 16 bytes and itself, once for all clones. A message
/// that was received as [`Kind::Slice`] keeps the whole read slab of its connection alive
/// ([`SLAB_BYTES`](crate::SLAB_BYTES)); [`make_mut`](Self::make_mut) moves it into its own memory.
///
/// ```
/// use oxmq_message::Msg;
///
/// let mut msg = Msg::from("hello");
/// msg.make_mut()[0] = b'j';
/// assert_eq!(msg, "jello");
/// let sent = msg.take();
/// assert_eq!(sent.len(), 5);
/// assert!(msg.is_empty());
/// ```
#[repr(C, align(8))]
pub struct Msg {
    data: Data,
    /// The message's own reference to its metadata, or null.
    meta: *const SharedMeta,
    /// `flags` says which member is in use.
    label: Label,
    routing_id: u32,
    /// A value of [`Kind`]; says which member of `data` is in use and who owns it.
    kind: u8,
    flags: u8,
    /// The payload length of an inline message, at most `INLINE_MAX`; otherwise zero.
    inline_len: u8,
}

/// The payload or the way to it.
#[repr(C)]
union Data {
    /// For `Kind::Inline`; the first `inline_len` bytes are initialised.
    inline: [MaybeUninit<u8>; INLINE_MAX],
    /// For every other kind.
    remote: Remote,
}

/// What a socket keeps with a message: on a durable one its number, on RADIO and DISH its group.
#[derive(Clone, Copy)]
#[repr(C)]
union Label {
    /// Without `SHORT_GROUP` and `LONG_GROUP`.
    delivery_id: u64,
    /// With `SHORT_GROUP`: the group and a closing zero byte.
    short: [u8; 8],
    /// With `LONG_GROUP`: one reference to a block that holds the group and a closing zero byte.
    long: *mut Heap,
}

/// A payload outside the message.
#[derive(Clone, Copy)]
#[repr(C)]
struct Remote {
    /// Never null; readable for `len` bytes while the message holds its reference to `owner`.
    ptr: *const u8,
    len: usize,
    /// `Heap`, `SlabBlock` or `Owner` by kind, with one reference; null for `Kind::Static`.
    owner: *mut c_void,
}

/// Where a message's payload lives. For tests of copying budgets and for diagnostics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Inside the message.
    Inline = 0xA1,
    /// In one allocation with its count.
    Heap = 0xA2,
    /// In a read slab, beside other messages of the same connection.
    Slice = 0xA3,
    /// In memory that is never freed.
    Static = 0xA4,
    /// In a user's buffer or in a value that lends its bytes.
    Owner = 0xA5,
    /// In a `Vec<u8>` that was taken over.
    Vec = 0xA6,
}

const INLINE: u8 = Kind::Inline as u8;
const HEAP: u8 = Kind::Heap as u8;
const SLICE: u8 = Kind::Slice as u8;
const STATIC: u8 = Kind::Static as u8;
const OWNER: u8 = Kind::Owner as u8;
const VEC: u8 = Kind::Vec as u8;
/// The kind of what was a message; no [`Kind`] has it, nor have zeroes.
const CLOSED: u8 = 0xDE;

const MORE: u8 = 1;
const COMMAND: u8 = 2;
const SHORT_GROUP: u8 = 4;
const LONG_GROUP: u8 = 8;
/// In the library's hands: see `returns`.
const HANDED_OVER: u8 = 16;

const _: () = assert!(size_of::<Msg>() == 64);
const _: () = assert!(align_of::<Msg>() == 8);
// `drop` looks at both in one comparison.
const _: () = assert!(INLINE & LONG_GROUP == 0);
const _: () = assert!(size_of::<Data>() == INLINE_MAX);
const _: () = assert!(size_of::<Label>() == 8);
// `copy_small` moves 64 bytes at most.
const _: () = assert!(INLINE_MAX <= 64);

// SAFETY: payloads behind pointers are written only by a holder that proved to be the only one
// (`try_make_mut`), counts are atomic, metadata is plain data, owners are `Send + Sync` or promised
// to be by the caller of `from_raw`.
unsafe impl Send for Msg {}
// SAFETY: `&Msg` gives out shared bytes and clones, which use the atomic counts; there is no
// interior mutability.
unsafe impl Sync for Msg {}

impl Msg {
    /// An empty message. Costs no allocation.
    #[inline]
    pub const fn new() -> Self {
        Self {
            data: Data { inline: [MaybeUninit::uninit(); INLINE_MAX] },
            meta: ptr::null(),
            label: Label { delivery_id: 0 },
            routing_id: 0,
            kind: INLINE,
            flags: 0,
            inline_len: 0,
        }
    }

    /// A message with a copy of `bytes`; allocates beyond [`INLINE_MAX`].
    ///
    /// Where memory may run out, use [`try_from_slice`](Self::try_from_slice): this one ends the
    /// process then, as `Vec` does.
    #[inline]
    pub fn from_slice(bytes: &[u8]) -> Self {
        Self::try_from_slice(bytes).unwrap_or_else(|error| out_of_memory(error))
    }

    /// A message with a copy of `bytes`; allocates beyond [`INLINE_MAX`].
    ///
    /// Errors: [`OutOfMemory`] when the allocator refuses.
    #[inline]
    pub fn try_from_slice(bytes: &[u8]) -> Result<Self, OutOfMemory> {
        if bytes.len() <= INLINE_MAX {
            return Ok(Self::inline(bytes));
        }
        let block = heap::try_alloc_fixed(bytes.len(), Fill::Uninit)?;
        // SAFETY: the new block has room for `bytes`, which cannot overlap it; afterwards its
        // payload is initialised and its one reference passes to the message.
        unsafe {
            heap::payload(block).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
            Ok(Self::from_heap(block, bytes.len()))
        }
    }

    /// A message of `len` zero bytes, to be filled through [`make_mut`](Self::make_mut).
    ///
    /// Errors: [`OutOfMemory`] when the allocator refuses, or no allocation can be that large.
    pub fn try_with_size(len: usize) -> Result<Self, OutOfMemory> {
        if len <= INLINE_MAX {
            return Ok(Self::inline(&[0; INLINE_MAX][..len]));
        }
        let block = heap::try_alloc_fixed(len, Fill::Zero)?;
        // SAFETY: the new block has `len` payload bytes, all zero, and its reference passes on.
        Ok(unsafe { Self::from_heap(block, len) })
    }

    /// A message of `len` bytes of unknown content, to be filled through
    /// [`as_mut_ptr`](Self::as_mut_ptr). Saves clearing what is about to be overwritten.
    ///
    /// Errors: as [`try_with_size`](Self::try_with_size).
    ///
    /// # Safety
    /// Every byte is written before any method of this message or of a clone reads the payload.
    pub unsafe fn try_with_size_uninit(len: usize) -> Result<Self, OutOfMemory> {
        if len <= INLINE_MAX {
            return Self::try_with_size(len);
        }
        let block = heap::try_alloc_fixed(len, Fill::Uninit)?;
        // SAFETY: the new block has `len` payload bytes, its reference passes on, and the caller
        // promises to write the bytes before they are read.
        Ok(unsafe { Self::from_heap(block, len) })
    }

    /// A message that refers to `bytes` for ever. Neither copies nor allocates.
    #[inline]
    pub const fn from_static(bytes: &'static [u8]) -> Self {
        let mut msg = Self::new();
        let owner = ptr::null_mut();
        msg.data = Data { remote: Remote { ptr: bytes.as_ptr(), len: bytes.len(), owner } };
        msg.kind = STATIC;
        msg
    }

    /// A message over a buffer of the caller, which `free` gives back.
    ///
    /// `free` is called with `data` and `hint` exactly once, when the last clone of the message is
    /// dropped, on the thread that drops it. It may use any socket: none is locked then. Without a
    /// function the buffer is never given back.
    /// Allocates a count of a few words.
    ///
    /// Errors: [`OutOfMemory`]; `free` is not called then and the buffer stays the caller's.
    ///
    /// # Safety
    /// `data` is readable for `len` bytes, and nobody writes to them, until `free` is called (for
    /// ever if there is none). `free` may be called with these arguments on any thread. If `len` is
    /// zero, `data` may be anything.
    pub unsafe fn from_raw(
        data: *mut c_void,
        len: usize,
        free: Option<FreeFn>,
        hint: *mut c_void,
    ) -> Result<Self, OutOfMemory> {
        let block = owner::try_new(UserBuffer { data, hint, free }).map_err(|buffer| {
            // The buffer stays the caller's: do not run its free function.
            let _ = ManuallyDrop::new(buffer);
            OutOfMemory::new(len)
        })?;
        let data = if len == 0 { NonNull::dangling().as_ptr() } else { data.cast::<u8>() };
        Ok(Self::remote(OWNER, data, len, block.as_ptr().cast()))
    }

    /// A message over the bytes that `owner` lends. The owner is dropped with the last clone, on
    /// the thread that drops it. Allocates once and copies nothing.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use oxmq_message::Msg;
    ///
    /// let bytes: Arc<[u8]> = Arc::from([7; 1000]);
    /// let msg = Msg::from_owner(Arc::clone(&bytes));
    /// assert_eq!(msg.as_ptr(), bytes.as_ptr());
    /// ```
    pub fn from_owner<T: AsRef<[u8]> + Send + Sync + 'static>(owner: T) -> Self {
        let block = owner::try_new(owner).unwrap_or_else(|owner| {
            drop(owner);
            out_of_memory(OutOfMemory::new(size_of::<T>()))
        });
        // Already a message, so that a panic in `as_ref` frees the block.
        let nothing = NonNull::dangling().as_ptr();
        let mut msg = Self::remote(OWNER, nothing, 0, block.as_ptr().cast());
        // SAFETY: the block holds a `T` that stays where it is, borrowed from now on, until the
        // last reference is gone; nothing but the drop touches it.
        let bytes = unsafe { owner::value::<T>(block).as_ref() }.as_ref();
        msg.data.remote.ptr = bytes.as_ptr();
        msg.data.remote.len = bytes.len();
        msg
    }

    /// Moves the message out and leaves an empty one.
    #[inline]
    pub fn take(&mut self) -> Self {
        mem::take(self)
    }

    /// The payload, writable. A payload that is not this message's alone (shared, a slice, static,
    /// a user's) is copied first.
    ///
    /// Ends the process if there is no memory for that copy; see
    /// [`try_make_mut`](Self::try_make_mut).
    #[inline]
    pub fn make_mut(&mut self) -> &mut [u8] {
        if !self.is_writable() {
            self.try_unshare().unwrap_or_else(|error| out_of_memory(error));
        }
        self.payload_mut()
    }

    /// As [`make_mut`](Self::make_mut). Errors: [`OutOfMemory`]; the message is unchanged then.
    #[inline]
    pub fn try_make_mut(&mut self) -> Result<&mut [u8], OutOfMemory> {
        if !self.is_writable() {
            self.try_unshare()?;
        }
        Ok(self.payload_mut())
    }

    /// Where the payload is, for the C interface. Copies nothing and is valid until the message is
    /// moved, altered or dropped.
    ///
    /// Writing through it is sound if [`is_writable`](Self::is_writable); otherwise
    /// [`make_mut`](Self::make_mut) has to come first, or others see the change.
    #[inline]
    pub const fn as_mut_ptr(&mut self) -> *mut u8 {
        if self.kind == INLINE {
            (&raw mut self.data).cast()
        } else {
            // SAFETY: every other kind uses `remote`.
            unsafe { self.data.remote.ptr.cast_mut() }
        }
    }

    /// Shortens the payload to `len` bytes; does nothing if it is not longer. Frees no memory.
    #[inline]
    pub fn truncate(&mut self, len: usize) {
        if self.kind == INLINE {
            self.inline_len = self.inline_len.min(u8::try_from(len).unwrap_or(u8::MAX));
        } else {
            // SAFETY: every other kind uses `remote`; a shorter length stays readable.
            unsafe { self.data.remote.len = self.data.remote.len.min(len) };
        }
    }

    /// Says whether more parts of the same message follow.
    #[inline]
    pub const fn set_more(&mut self, more: bool) {
        self.flags = if more { self.flags | MORE } else { self.flags & !MORE };
    }

    /// Says whether this is a command of the protocol and not a part of a message.
    #[inline]
    pub const fn set_command(&mut self, command: bool) {
        self.flags = if command { self.flags | COMMAND } else { self.flags & !COMMAND };
    }

    /// Sets the peer's number on SERVER and PEER sockets; zero is none.
    #[inline]
    pub const fn set_routing_id(&mut self, routing_id: u32) {
        self.routing_id = routing_id;
    }

    /// Sets the number under which a durable socket accounts for the message; zero is none. It
    /// takes the place of a group.
    #[inline]
    pub fn set_delivery_id(&mut self, delivery_id: u64) {
        self.clear_group();
        self.label.delivery_id = delivery_id;
    }

    /// Payload length in bytes.
    #[inline]
    pub const fn len(&self) -> usize {
        if self.kind == INLINE {
            self.inline_len as usize
        } else {
            // SAFETY: every other kind uses `remote`.
            unsafe { self.data.remote.len }
        }
    }

    /// Whether the payload has no bytes.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The payload.
    #[inline]
    pub const fn as_slice(&self) -> &[u8] {
        // SAFETY: `inline_len` bytes of an inline payload are initialised; a remote one is readable
        // for its length while this message holds its reference, and written only through
        // `&mut self` of the sole holder.
        unsafe { slice::from_raw_parts(self.as_ptr(), self.len()) }
    }

    /// Where the payload is; see [`as_mut_ptr`](Self::as_mut_ptr).
    #[inline]
    pub const fn as_ptr(&self) -> *const u8 {
        if self.kind == INLINE {
            (&raw const self.data).cast()
        } else {
            // SAFETY: every other kind uses `remote`.
            unsafe { self.data.remote.ptr }
        }
    }

    /// The payload as text. Errors: it is not UTF-8.
    pub fn as_str(&self) -> Result<&str, Utf8Error> {
        std::str::from_utf8(self)
    }

    /// The payload as a vector. Neither copies nor allocates if the message was made from a vector
    /// and nobody shares it.
    pub fn into_vec(self) -> Vec<u8> {
        if self.kind != VEC || self.is_shared() {
            return self.as_slice().to_vec();
        }
        let mut this = ManuallyDrop::new(self);
        this.drop_meta();
        this.clear_group();
        // SAFETY: the kind says that the block was made for a `Vec<u8>`; this message held the last
        // reference and is not dropped.
        let mut vec = unsafe { owner::take::<Vec<u8>>(this.owner()) };
        vec.truncate(this.len());
        vec
    }

    /// Whether more parts of the same message follow. On sending it is the socket that sets it.
    #[inline]
    pub const fn more(&self) -> bool {
        self.flags & MORE != 0
    }

    /// Whether this is a command of the protocol and not a part of a message.
    #[inline]
    pub const fn command(&self) -> bool {
        self.flags & COMMAND != 0
    }

    /// The peer's number on SERVER and PEER sockets; zero is none.
    #[inline]
    pub const fn routing_id(&self) -> u32 {
        self.routing_id
    }

    /// The number under which a durable socket accounts for the message; zero is none.
    #[inline]
    pub const fn delivery_id(&self) -> u64 {
        if self.flags & (SHORT_GROUP | LONG_GROUP) != 0 {
            return 0;
        }
        // SAFETY: without a group, `delivery_id` is in use; any bytes are a number.
        unsafe { self.label.delivery_id }
    }

    /// What is known about the connection the message came from; `None` for a message that did not
    /// come from a network connection.
    #[inline]
    pub fn meta(&self) -> Option<&Meta> {
        // SAFETY: the message's own reference, or that of its slab, keeps the block alive, and
        // nobody writes to it.
        self.meta_ptr().map(|meta| unsafe { &(*meta.as_ptr()).meta })
    }

    /// Whether other messages may use the same payload memory: another clone, the neighbours in a
    /// read slab, or whoever else knows a static or a user's buffer.
    pub fn is_shared(&self) -> bool {
        match self.kind {
            INLINE => false,
            // SAFETY: the kind says what `owner` is, and this message holds a reference to it.
            HEAP => !unsafe { self.heap().as_ref() }.refs.is_exactly(1),
            // SAFETY: as above.
            OWNER | VEC => !unsafe { self.owner().as_ref() }.refs.is_exactly(1),
            _ => true,
        }
    }

    /// Whether [`make_mut`](Self::make_mut) gives the payload without copying it.
    #[inline]
    pub fn is_writable(&self) -> bool {
        self.kind == INLINE || (matches!(self.kind, HEAP | VEC) && !self.is_shared())
    }

    /// Whether the 64 bytes at `msg` are a message, as far as the byte of its kind tells: neither
    /// closed nor, but by chance, something else.
    ///
    /// # Safety
    /// 64 bytes are readable at `msg`, which is aligned.
    #[inline]
    pub const unsafe fn is_valid(msg: *const Self) -> bool {
        // SAFETY: the caller's promise; any byte is a `u8`.
        let kind = unsafe { (&raw const (*msg).kind).read() };
        matches!(kind, INLINE..=VEC)
    }

    /// Ends a message that stays in the caller's memory, which is not valid from then on. For the
    /// C interface.
    ///
    /// # Safety
    /// `msg` points to a message, which the caller uses no more and whose destructor does not run.
    #[inline]
    pub unsafe fn close(msg: *mut Self) {
        // SAFETY: a message is moved out; what stays is marked and has no destructor to run.
        unsafe {
            let ended = ptr::read(msg);
            (&raw mut (*msg).kind).write(CLOSED);
            drop(ended);
        }
    }

    /// A property of the connection the message came from as a C string, cut at its first zero
    /// byte. It lives as long as any message of the connection. See [`Meta::property`].
    pub fn c_property(&self, name: &str) -> Option<&CStr> {
        // SAFETY: as in `meta`.
        self.meta_ptr().and_then(|meta| unsafe { &*meta.as_ptr() }.c_property(name))
    }

    /// Where the payload lives.
    pub const fn kind(&self) -> Kind {
        match self.kind {
            INLINE => Kind::Inline,
            HEAP => Kind::Heap,
            SLICE => Kind::Slice,
            STATIC => Kind::Static,
            OWNER => Kind::Owner,
            _ => Kind::Vec,
        }
    }

    /// An inline message; `bytes` has at most `INLINE_MAX`.
    #[inline]
    pub(crate) fn inline(bytes: &[u8]) -> Self {
        let mut msg = Self::new();
        msg.put_inline(bytes);
        msg
    }

    /// Becomes an inline message of `bytes`, at most `INLINE_MAX`, without labels or metadata.
    ///
    /// Writing the fields where they stay spares a move of the message right after small stores to
    /// it, for which the processor would have to wait.
    #[inline]
    pub(crate) fn set_inline(&mut self, bytes: &[u8]) {
        if self.kind != INLINE {
            // Moved out first: should an owner's drop panic, it must not be dropped again.
            drop(self.take());
        }
        self.drop_meta();
        self.clear_group();
        self.routing_id = 0;
        self.flags = 0;
        self.put_inline(bytes);
    }

    /// Stores the payload of an inline message.
    #[inline]
    fn put_inline(&mut self, bytes: &[u8]) {
        debug_assert!(self.kind == INLINE && bytes.len() <= INLINE_MAX);
        let len = bytes.len().min(INLINE_MAX);
        // SAFETY: `len` bytes are readable at `bytes` and writable in `data`, which is apart.
        unsafe { copy_small(bytes.as_ptr(), (&raw mut self.data).cast(), len) };
        #[expect(clippy::cast_possible_truncation, reason = "at most INLINE_MAX")]
        {
            self.inline_len = len as u8;
        }
    }

    /// A message over the first `len` payload bytes of `block`.
    ///
    /// # Safety
    /// The caller passes one reference to the block, whose first `len` payload bytes exist and are
    /// initialised before they are read.
    #[inline]
    pub(crate) unsafe fn from_heap(block: NonNull<Heap>, len: usize) -> Self {
        // SAFETY: the passed reference keeps the block alive.
        let payload = unsafe { heap::payload(block) };
        Self::remote(HEAP, payload, len, block.as_ptr().cast())
    }

    /// A message over `len` bytes at `payload` in a slab.
    ///
    /// # Safety
    /// The caller passes one reference to the slab, in which these bytes lie, initialised, and are
    /// not written while that reference exists.
    #[inline]
    pub(crate) unsafe fn from_slab(
        slab: NonNull<SlabBlock>,
        payload: *const u8,
        len: usize,
    ) -> Self {
        Self::remote(SLICE, payload, len, slab.as_ptr().cast())
    }

    #[inline]
    const fn remote(kind: u8, ptr: *const u8, len: usize, owner: *mut c_void) -> Self {
        let mut msg = Self::new();
        msg.data = Data { remote: Remote { ptr, len, owner } };
        msg.kind = kind;
        msg
    }

    /// A message over a vector's bytes, without copying.
    fn from_long_vec(vec: Vec<u8>) -> Self {
        let len = vec.len();
        let block = owner::try_new(vec)
            .unwrap_or_else(|vec| out_of_memory(OutOfMemory::new(vec.capacity())));
        // SAFETY: the block was just made for a `Vec<u8>` and is not shared yet. The pointer stays
        // valid while the vector, which nobody touches, lives in the block.
        let ptr = unsafe { owner::value::<Vec<u8>>(block).as_mut() }.as_mut_ptr();
        Self::remote(VEC, ptr, len, block.as_ptr().cast())
    }

    /// Gives the message a reference to metadata and lets go of the one it had.
    #[inline]
    pub(crate) fn replace_meta(&mut self, meta: NonNull<SharedMeta>) {
        self.drop_meta();
        self.meta = meta.as_ptr();
    }

    /// The metadata, through the message's own reference or through its slab.
    #[inline]
    fn meta_ptr(&self) -> Option<NonNull<SharedMeta>> {
        if let Some(meta) = NonNull::new(self.meta.cast_mut()) {
            return Some(meta);
        }
        if self.kind != SLICE {
            return None;
        }
        // SAFETY: a slice holds a reference to its slab.
        unsafe { slab::meta(self.slab()) }
    }

    #[inline]
    fn drop_meta(&mut self) {
        if let Some(meta) = NonNull::new(self.meta.cast_mut()) {
            self.meta = ptr::null();
            // SAFETY: a non-null `meta` is a reference of this message, given up by the line above.
            unsafe { meta::release(meta, 1) };
        }
    }

    #[inline]
    fn payload_mut(&mut self) -> &mut [u8] {
        let len = self.len();
        // SAFETY: the callers made sure that the payload is writable: inline, or in a block to
        // which this message, borrowed mutably, holds the only reference.
        unsafe { slice::from_raw_parts_mut(self.as_mut_ptr(), len) }
    }

    /// Copies the payload into memory of this message alone; keeps everything else.
    #[cold]
    fn try_unshare(&mut self) -> Result<(), OutOfMemory> {
        let mut own = Self::try_from_slice(self)?;
        if let Some(meta) = self.meta_ptr() {
            // SAFETY: this message, or its slab, holds a reference.
            unsafe { meta::acquire(meta) };
            own.meta = meta.as_ptr();
        }
        // The label moves over, with the reference that it may hold: `flags` says whether it does.
        own.label = self.label;
        own.routing_id = self.routing_id;
        own.flags = self.flags & !HANDED_OVER;
        self.flags &= HANDED_OVER;
        *self = own;
        Ok(())
    }

    /// The counted block. Only for `HEAP`.
    #[inline]
    const fn heap(&self) -> NonNull<Heap> {
        // SAFETY: a heap message uses `remote` and its owner is not null.
        unsafe { NonNull::new_unchecked(self.data.remote.owner.cast()) }
    }

    /// The slab. Only for `SLICE`.
    #[inline]
    const fn slab(&self) -> NonNull<SlabBlock> {
        // SAFETY: a slice uses `remote` and its owner is not null.
        unsafe { NonNull::new_unchecked(self.data.remote.owner.cast()) }
    }

    /// The owner's block. Only for `OWNER` and `VEC`.
    #[inline]
    const fn owner(&self) -> NonNull<Owner> {
        // SAFETY: these kinds use `remote` and their owner is not null.
        unsafe { NonNull::new_unchecked(self.data.remote.owner.cast()) }
    }

    /// Takes another reference to the payload.
    #[inline]
    fn acquire_payload(&self) {
        match self.kind {
            // SAFETY: the kind says what `owner` is, and this message holds a reference to it.
            HEAP => unsafe { self.heap().as_ref() }.refs.acquire(1),
            // SAFETY: as above.
            SLICE => unsafe { slab::acquire(self.slab()) },
            // SAFETY: as above.
            OWNER | VEC => unsafe { self.owner().as_ref() }.refs.acquire(1),
            _ => {}
        }
    }

    /// Gives up the references of a message that is about to end.
    fn release(&mut self) {
        self.drop_meta();
        self.clear_group();
        match self.kind {
            // SAFETY: the kind says what `owner` is; this message gives up its reference.
            HEAP => unsafe { heap::release(self.heap()) },
            // SAFETY: the message gives up its reference to the slab.
            SLICE => unsafe { slab::release(self.slab(), 1) },
            // SAFETY: the kind says what `owner` is; this message gives up its reference and, if it
            // was the last, frees the block, which nobody can reach any more, now or soon.
            OWNER | VEC => unsafe {
                let block = self.owner();
                if block.as_ref().refs.release_mostly_sole(1) {
                    match self.flags & HANDED_OVER {
                        0 => owner::free(block),
                        _ => returns::postpone(block),
                    }
                }
            },
            _ => {}
        }
    }
}

impl Drop for Msg {
    #[inline]
    fn drop(&mut self) {
        if (self.kind | self.flags & LONG_GROUP) != INLINE || !self.meta.is_null() {
            self.release();
        }
    }
}

impl Clone for Msg {
    /// Shares the payload; an inline one is copied. One atomic addition for the payload unless it
    /// is inline or static, one for the metadata unless it is reached through the slab.
    #[inline]
    fn clone(&self) -> Self {
        self.acquire_payload();
        self.acquire_group();
        if let Some(meta) = NonNull::new(self.meta.cast_mut()) {
            // SAFETY: a non-null `meta` is a reference of this message.
            unsafe { meta::acquire(meta) };
        }
        // SAFETY: all fields are plain data; the references that the copy stands for were taken
        // above.
        unsafe { ptr::read(self) }
    }
}

impl Default for Msg {
    fn default() -> Self {
        Self::new()
    }
}

/// Copies up to `INLINE_MAX` bytes with two overlapping moves of fixed size, which beats a call of
/// the general copy for lengths that are known only at run time.
///
/// # Safety
/// `len <= INLINE_MAX`; `from` is readable and `to` writable for `len` bytes, and they do not
/// overlap.
#[inline]
unsafe fn copy_small(from: *const u8, to: *mut u8, len: usize) {
    /// Moves the first and the last `N` bytes.
    #[inline]
    unsafe fn ends<const N: usize>(from: *const u8, to: *mut u8, len: usize) {
        // SAFETY: the caller has `N <= len`, so both ends lie inside the `len` bytes.
        unsafe {
            let last = from.add(len - N).cast::<[u8; N]>().read_unaligned();
            to.cast::<[u8; N]>().write_unaligned(from.cast::<[u8; N]>().read_unaligned());
            to.add(len - N).cast::<[u8; N]>().write_unaligned(last);
        }
    }
    // SAFETY: each branch has `N <= len <= 2 * N`, as `INLINE_MAX <= 64`, or copies the one byte.
    unsafe {
        match len {
            0 => {}
            1 => to.write(from.read()),
            2..=3 => ends::<2>(from, to, len),
            4..=7 => ends::<4>(from, to, len),
            8..=15 => ends::<8>(from, to, len),
            16..=31 => ends::<16>(from, to, len),
            _ => ends::<32>(from, to, len),
        }
    }
}

#[cold]
fn out_of_memory(error: OutOfMemory) -> ! {
    let layout = std::alloc::Layout::array::<u8>(error.bytes());
    handle_alloc_error(layout.unwrap_or(std::alloc::Layout::new::<Heap>()))
}
