//! Makes the declarations from the headers, and says where libbiovl is: in $BIOVL_LIB_DIR, or where
//! the linker looks anyway.
use std::{env, fs, path::PathBuf, process::Command};

fn main() {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").unwrap()).join("../..");
    let out = PathBuf::from(env::var("OUT_DIR").unwrap()).join("lib.rs");
    let made = Command::new("python3")
        .arg(root.join("tools/api/generate.py"))
        .arg("rust")
        .output()
        .expect("python3 reads the headers");
    assert!(made.status.success(), "the headers cannot be read");
    let text = String::from_utf8(made.stdout).unwrap();
    // What is included cannot begin with attributes and comments of a crate.
    let body: Vec<&str> = text.lines().filter(|l| !l.starts_with("//!") && !l.starts_with("#!")).collect();
    fs::write(out, body.join("\n")).unwrap();
    if let Ok(folder) = env::var("BIOVL_LIB_DIR") {
        println!("cargo:rustc-link-search=native={folder}");
        println!("cargo:rustc-link-arg=-Wl,-rpath,{folder}");
    }
    println!("cargo:rerun-if-env-changed=BIOVL_LIB_DIR");
    println!("cargo:rerun-if-changed={}", root.join("include/biovl").display());
}
