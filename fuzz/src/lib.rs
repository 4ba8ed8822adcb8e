//! What must hold for any text, any edit and any fix. A target panics when something does not hold.

pub mod edits;
pub mod fix;
pub mod parse;
