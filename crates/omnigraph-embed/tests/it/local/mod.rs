//! Sentence models in this process.

mod broken;
mod by_hand;
mod pipeline;
mod published;
mod tiny;
mod vectors;
