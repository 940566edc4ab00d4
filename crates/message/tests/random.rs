//! Random operations on messages of every kind, each followed by a comparison with a plain vector
//! that had the same done to it. A failure prints its seed and the smallest sequence that shows it.
#![cfg(not(loom))]
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::VecDeque;
use std::ffi::c_void;
use std::sync::Arc;

use oxmq_message::{Message, Meta, MetaHandle, Msg, Slab};
use proptest::collection::vec;
use proptest::prelude::*;

/// Messages under test at a time.
const PLACES: usize = 5;

#[derive(Clone, Copy, Debug)]
enum Make {
    Copy,
    Vec,
    Static,
    User,
    Owner,
    Slice,
    Size,
}

#[derive(Clone, Debug)]
enum Op {
    Make(usize, Make, Vec<u8>),
    Clone(usize, usize),
    Take(usize, usize),
    Write(usize, usize, u8),
    Truncate(usize, usize),
    ThroughVec(usize),
    Label(usize, bool, u32),
    Attach(usize, usize),
    SlabMeta(usize),
    Rewind,
}

fn op() -> impl Strategy<Value = Op> {
    let place = || 0..PLACES;
    let make = prop_oneof![
        Just(Make::Copy),
        Just(Make::Vec),
        Just(Make::Static),
        Just(Make::User),
        Just(Make::Owner),
        Just(Make::Slice),
        Just(Make::Size),
    ];
    prop_oneof![
        4 => (place(), make, vec(any::<u8>(), 0..100)).prop_map(|(i, m, b)| Op::Make(i, m, b)),
        2 => (place(), place()).prop_map(|(i, j)| Op::Clone(i, j)),
        1 => (place(), place()).prop_map(|(i, j)| Op::Take(i, j)),
        2 => (place(), 0..100_usize, any::<u8>()).prop_map(|(i, at, b)| Op::Write(i, at, b)),
        1 => (place(), 0..100_usize).prop_map(|(i, len)| Op::Truncate(i, len)),
        1 => place().prop_map(Op::ThroughVec),
        1 => (place(), any::<bool>(), any::<u32>()).prop_map(|(i, m, r)| Op::Label(i, m, r)),
        1 => (place(), 0..2_usize).prop_map(|(i, h)| Op::Attach(i, h)),
        1 => (0..2_usize).prop_map(Op::SlabMeta),
        1 => Just(Op::Rewind),
    ]
}

/// What a message should be.
#[derive(Clone, Default)]
struct Model {
    bytes: Vec<u8>,
    more: bool,
    routing_id: u32,
    /// The number of the connection.
    meta: Option<usize>,
}

struct World {
    places: Vec<(Msg, Model)>,
    handles: Vec<MetaHandle>,
    slab: Slab,
    slab_meta: Option<usize>,
    /// Every user's buffer and owner holds one count.
    owners: Arc<()>,
    static_bytes: &'static [u8],
}

struct Lender(Vec<u8>, #[expect(dead_code, reason = "counted")] Arc<()>);

impl AsRef<[u8]> for Lender {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

unsafe extern "C" fn free_lender(_data: *mut c_void, hint: *mut c_void) {
    // SAFETY: `World::make` passes a boxed lender as the hint, once.
    drop(unsafe { Box::from_raw(hint.cast::<Lender>()) });
}

impl World {
    fn new(static_bytes: &'static [u8]) -> Self {
        let connection = |fd| MetaHandle::new(Meta { source_fd: fd, ..Meta::default() });
        Self {
            places: (0..PLACES).map(|_| (Msg::new(), Model::default())).collect(),
            handles: vec![connection(0), connection(1)],
            slab: Slab::try_new(300).unwrap(),
            slab_meta: None,
            owners: Arc::new(()),
            static_bytes,
        }
    }

    fn make(&mut self, make: Make, bytes: &[u8]) -> (Msg, Model) {
        let mut model = Model { bytes: bytes.to_vec(), ..Model::default() };
        let msg = match make {
            Make::Copy => Msg::from(bytes),
            Make::Vec => Msg::from(bytes.to_vec()),
            Make::Static => {
                model.bytes = self.static_bytes[..bytes.len()].to_vec();
                Msg::from_static(&self.static_bytes[..bytes.len()])
            }
            Make::Owner => Msg::from_owner(Lender(bytes.to_vec(), Arc::clone(&self.owners))),
            Make::User => {
                let lender = Box::new(Lender(bytes.to_vec(), Arc::clone(&self.owners)));
                let data = lender.0.as_ptr().cast_mut().cast();
                let hint = Box::into_raw(lender).cast();
                // SAFETY: the vector's bytes are readable until `free_lender` drops it.
                unsafe { Msg::from_raw(data, bytes.len(), Some(free_lender), hint) }.unwrap()
            }
            Make::Slice => {
                if self.slab.spare_mut().len() < bytes.len() {
                    let mut fresh = Slab::try_new(300).unwrap();
                    assert!(self.slab.carry_to(0..0, &mut fresh));
                    self.slab = fresh;
                }
                let start = self.slab.len();
                self.slab.spare_mut()[..bytes.len()].copy_from_slice(bytes);
                self.slab.advance(bytes.len());
                model.meta = self.slab_meta;
                self.slab.slice(start..start + bytes.len())
            }
            Make::Size => {
                let mut msg = Msg::try_with_size(bytes.len()).unwrap();
                assert!(msg.iter().all(|&byte| byte == 0));
                msg.make_mut().copy_from_slice(bytes);
                msg
            }
        };
        (msg, model)
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::Make(i, make, bytes) => self.places[i] = self.make(make, &bytes),
            Op::Clone(i, j) => self.places[j] = self.places[i].clone(),
            Op::Take(i, j) => {
                let (msg, model) = &mut self.places[i];
                let taken = (msg.take(), std::mem::take(model));
                self.places[j] = taken;
            }
            Op::Write(i, at, byte) => {
                let (msg, model) = &mut self.places[i];
                if let Some(place) = model.bytes.get_mut(at) {
                    *place = byte;
                    msg.make_mut()[at] = byte;
                }
            }
            Op::Truncate(i, len) => {
                let (msg, model) = &mut self.places[i];
                msg.truncate(len);
                model.bytes.truncate(len);
            }
            Op::ThroughVec(i) => {
                let (msg, model) = &mut self.places[i];
                *msg = Msg::from(msg.take().into_vec());
                *model = Model { bytes: std::mem::take(&mut model.bytes), ..Model::default() };
            }
            Op::Label(i, more, routing_id) => {
                let (msg, model) = &mut self.places[i];
                msg.set_more(more);
                msg.set_routing_id(routing_id);
                (model.more, model.routing_id) = (more, routing_id);
            }
            Op::Attach(i, h) => {
                let (msg, model) = &mut self.places[i];
                self.handles[h].attach(msg);
                model.meta = Some(h);
            }
            Op::SlabMeta(h) => {
                if self.slab.set_meta(&mut self.handles[h]) {
                    self.slab_meta = Some(h);
                }
            }
            Op::Rewind => {
                let outstanding = self.slab.outstanding();
                assert_eq!(self.slab.try_rewind(0..0), !outstanding);
            }
        }
    }

    fn check(&self) {
        for (msg, model) in &self.places {
            assert_eq!(msg.as_slice(), model.bytes);
            assert_eq!((msg.more(), msg.routing_id()), (model.more, model.routing_id));
            let meta = msg.meta().map(|meta| usize::try_from(meta.source_fd).unwrap());
            assert_eq!(meta, model.meta);
        }
    }
}

static STATIC_BYTES: [u8; 100] = [b's'; 100];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn messages_behave_as_vectors_do(ops in vec(op(), 1..60)) {
        let mut world = World::new(&STATIC_BYTES);
        for op in ops {
            world.apply(op);
            world.check();
        }
        let owners = Arc::clone(&world.owners);
        drop(world);
        prop_assert_eq!(Arc::strong_count(&owners), 1);
    }

    #[test]
    fn multipart_messages_behave_as_deques_do(ops in vec((0..4_u8, any::<u8>()), 0..80)) {
        let mut message = Message::new();
        let mut model = VecDeque::new();
        for (op, byte) in ops {
            match op {
                0 => {
                    message.push([byte]);
                    model.push_back(vec![byte]);
                }
                1 => {
                    message.push_front([byte]);
                    model.push_front(vec![byte]);
                }
                2 => prop_assert_eq!(message.pop_front().map(Msg::into_vec), model.pop_front()),
                _ => prop_assert_eq!(message.pop().map(Msg::into_vec), model.pop_back()),
            }
            prop_assert_eq!(&message, model.make_contiguous());
            prop_assert_eq!(message.bytes(), model.len());
        }
        prop_assert!(message.into_iter().map(Msg::into_vec).eq(model));
    }
}
