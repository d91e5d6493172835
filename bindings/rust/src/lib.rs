//! Declarations of libbiovl as the C headers make them: `include/biovl/` says what they mean.
#![allow(non_camel_case_types)]
include!(concat!(env!("OUT_DIR"), "/lib.rs"));
