//! A pair of fences of which one costs nothing: two threads that each write, fence and then read
//! what the other wrote do not both miss it, if one of them uses [`light`] and the other [`heavy`].
//! For handshakes of which one side runs with every message and the other hardly ever. Any thread
//! may call anything here.

pub use crate::sync::{heavy_fence as heavy, light_fence as light, prepare_fences as prepare};
