//! The header in C is what cbindgen makes of the source. `UPDATE_EXPECT=1 cargo test -p headwater-c --test header`
//! writes it again.

use std::path::Path;

use expect_test::expect_file;

#[test]
fn the_header_is_made_of_the_source() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(here.join("cbindgen.toml")).unwrap();
    let bindings = cbindgen::Builder::new().with_config(config).with_src(here.join("src/lib.rs")).generate().unwrap();
    let mut header = Vec::new();
    bindings.write(&mut header);
    // What a caller has to see to needs no heading of Rust's there.
    let header = String::from_utf8(header).unwrap().replace(" # Safety\n", "");
    expect_file!["../include/headwater.h"].assert_eq(&header);
}
