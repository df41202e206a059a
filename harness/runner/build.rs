//! Hands the runner the version of the compiler that builds it, for the fingerprint of the machine.

use std::env;
use std::process::Command;

fn main() {
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let version = Command::new(rustc)
        .arg("--version")
        .output()
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .unwrap_or_else(|| "unknown".to_owned());
    println!("cargo:rustc-env=CHANLAB_RUSTC={}", version.trim());
    println!("cargo:rerun-if-changed=build.rs");
}
