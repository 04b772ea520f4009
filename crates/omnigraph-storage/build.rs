//! Nothing is generated here. The build dependency `protoc-bin-vendored` only has to be fetched: `tools/protoc`
//! runs the protobuf compiler it carries when Lance's own build scripts call for one.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
}
