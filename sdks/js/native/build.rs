//! What the linker must know of a library that Node.js loads.

fn main() {
    napi_build::setup();
}
