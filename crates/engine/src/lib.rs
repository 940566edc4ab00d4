//! placeholder

pub mod sys;
pub mod transport;
pub mod subscriptions;
pub mod options;
