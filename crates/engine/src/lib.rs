//! placeholder

pub mod sys;
pub mod subscriptions;
