//! The file that keeps numbers over a restart: `portal-history.bin` in the data directory.
//!
//! ```text
//! file    0          8         12      16       20
//!         | HWHISTRY | version | crc32c | things | things …
//!         | 8 bytes  | u32 = 1 | of 16‥ | u32    |
//!
//! thing   | kind | length | app   | length | group | fine | points …    | coarse | points …    |
//!         | u8   | u16    | UTF-8 | u16    | UTF-8 | u32  | 64 bytes each | u32  | 64 bytes each |
//! point   eight u64: the time, then numbers (`timeline`)
//! ```
//! All numbers are little-endian. Kinds: 0 the server (both names empty), 1 an app (the group's name
//! is empty), 2 a consumer group. Never renumber. Invariants: mode 0600, replaced as a whole; it is of
//! no weight: one that is damaged, or a newer server's, is put aside as `….damaged`, and numbers begin
//! anew. A length is checked before anything is taken for it.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    path::{Path, PathBuf},
};

use files::{PRIVATE_FILE, read, set_aside, write_whole};

use super::timeline::{COARSE_POINTS, FINE_POINTS, Point, Rings, Thing, Timelines};
use crate::limits::{TIMELINE_APPS_MAX, TIMELINE_GROUPS_MAX};

const MAGIC: &[u8; 8] = b"HWHISTRY";
const VERSION: u32 = 1;
/// Where what the checksum is of begins.
const BODY: usize = 16;

/// What the file has; nothing where there is none, or none that can be read. Blocks on disk.
pub(crate) fn open(path: &Path) -> Timelines {
    let bytes = match read(path) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Timelines::default(),
        Err(error) => {
            tracing::warn!(%error, path = %path.display(), "the portal's numbers over time cannot be read");
            return Timelines::default();
        }
    };
    match parse(&bytes) {
        Ok(rings) => Timelines::of(rings),
        Err(why) => {
            let moved = set_aside(path).unwrap_or_else(|_| PathBuf::new());
            tracing::warn!(why, moved = %moved.display(), "the portal's numbers over time cannot be read and begin anew");
            Timelines::default()
        }
    }
}

/// Replaces the file. Blocks on disk.
pub(crate) fn write(path: &Path, timelines: &Timelines) -> io::Result<()> {
    write_whole(path, &bytes_of(&timelines.all()), PRIVATE_FILE)
}

fn bytes_of(all: &BTreeMap<Thing, Rings>) -> Vec<u8> {
    let mut bytes = [&MAGIC[..], &VERSION.to_le_bytes(), &[0; 4]].concat();
    bytes.extend((all.len() as u32).to_le_bytes());
    for (thing, rings) in all {
        let (kind, app, group) = match thing {
            Thing::Server => (0, "", ""),
            Thing::App(app) => (1, app.as_str(), ""),
            Thing::Group(app, group) => (2, app.as_str(), group.as_str()),
        };
        bytes.push(kind);
        for name in [app, group] {
            bytes.extend(u16::try_from(name.len()).unwrap_or(0).to_le_bytes());
            bytes.extend(if name.len() <= usize::from(u16::MAX) { name.as_bytes() } else { &[] });
        }
        for ring in [&rings.fine, &rings.coarse] {
            bytes.extend((ring.len() as u32).to_le_bytes());
            ring.iter().flatten().for_each(|number| bytes.extend(number.to_le_bytes()));
        }
    }
    let crc = crc32c::crc32c(&bytes[BODY..]);
    bytes[12..BODY].copy_from_slice(&crc.to_le_bytes());
    bytes
}

fn parse(bytes: &[u8]) -> Result<BTreeMap<Thing, Rings>, &'static str> {
    let mut reader = Reader(bytes);
    if reader.take(8)? != MAGIC {
        return Err("it is no file of numbers over time");
    }
    match reader.u32()? {
        VERSION => {}
        0 => return Err("it has no version"),
        _ => return Err("it is a newer server's"),
    }
    let crc = reader.u32()?;
    if crc != crc32c::crc32c(reader.0) {
        return Err("its checksum is another");
    }
    let count = reader.u32()? as usize;
    if count > 1 + TIMELINE_APPS_MAX + TIMELINE_GROUPS_MAX {
        return Err("it has too many things");
    }
    let all: BTreeMap<Thing, Rings> = (0..count).map(|_| reader.thing()).collect::<Result<_, _>>()?;
    if reader.0.is_empty() && all.len() == count { Ok(all) } else { Err("it says something twice, or too much") }
}

/// What is not read yet.
struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    fn take(&mut self, length: usize) -> Result<&'b [u8], &'static str> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or("it is cut short")?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], &'static str> {
        Ok(self.take(N)?.try_into().expect("so many were taken"))
    }

    fn u32(&mut self) -> Result<u32, &'static str> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn name(&mut self) -> Result<String, &'static str> {
        let length = u16::from_le_bytes(self.array()?);
        let name = self.take(length.into())?;
        Ok(std::str::from_utf8(name).map_err(|_| "a name is not UTF-8")?.to_owned())
    }

    fn thing(&mut self) -> Result<(Thing, Rings), &'static str> {
        let [kind] = self.array()?;
        let thing = match (kind, self.name()?, self.name()?) {
            (0, ..) => Thing::Server,
            (1, app, _) => Thing::App(app),
            (2, app, group) => Thing::Group(app, group),
            _ => return Err("it has a thing of an unknown kind"),
        };
        Ok((thing, Rings { fine: self.ring(FINE_POINTS)?, coarse: self.ring(COARSE_POINTS)? }))
    }

    fn ring(&mut self, points_max: usize) -> Result<VecDeque<Point>, &'static str> {
        let count = self.u32()? as usize;
        if count > points_max {
            return Err("a ring has too many points");
        }
        let points = self.take(count * 64)?.as_chunks::<64>().0.iter();
        let number =
            |bytes: &[u8; 64], n: usize| u64::from_le_bytes(bytes[8 * n..8 * n + 8].try_into().expect("eight bytes"));
        Ok(points.map(|bytes| std::array::from_fn(|n| number(bytes, n))).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    /// What the fixture was made of.
    fn filled() -> Timelines {
        let timelines = Timelines::default();
        for n in 1..=30 {
            let point = std::array::from_fn(|at| if at == 0 { 1_700_000_000_000 + n * 5_000 } else { n * at as u64 });
            timelines.push(Thing::Server, point, None);
            timelines.push(Thing::App("default".into()), point, (n % 12 == 0).then_some(point));
            timelines.push(Thing::Group("default".into(), "bill\u{e9}".into()), point, None);
        }
        timelines
    }

    #[test]
    fn what_is_written_is_read_and_for_its_owner_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("portal-history.bin");
        assert!(open(&path).all().is_empty());
        write(&path, &filled()).unwrap();
        assert_eq!(open(&path).all(), filled().all());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn no_flipped_bit_and_no_cut_is_taken_and_what_is_damaged_is_put_aside() {
        let whole = bytes_of(&filled().all());
        for bit in (0..whole.len() * 8).step_by(7) {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            parse(&flipped).unwrap_err();
        }
        for cut in (0..whole.len()).step_by(5) {
            parse(&whole[..cut]).unwrap_err();
        }
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("portal-history.bin");
        let mut newer = whole.clone();
        newer[8] = 2;
        for bad in [&whole[..whole.len() - 1], b"", &newer] {
            fs::write(&path, bad).unwrap();
            assert!(open(&path).all().is_empty() && !path.exists());
            assert_eq!(fs::read(directory.path().join("portal-history.bin.damaged")).unwrap(), bad);
        }
    }

    #[test]
    fn a_length_of_nonsense_takes_no_memory() {
        let mut bytes = [&MAGIC[..], &VERSION.to_le_bytes(), &[0; 4], &1_u32.to_le_bytes()].concat();
        bytes.extend([0, 0, 0, 0, 0]);
        bytes.extend(u32::MAX.to_le_bytes());
        let crc = crc32c::crc32c(&bytes[BODY..]);
        bytes[12..BODY].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(parse(&bytes), Err("a ring has too many points"));
    }

    /// Written when the format was made; it opens for ever.
    #[test]
    fn the_first_version_opens() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/formats/portal-v1/portal-history.bin");
        assert_eq!(parse(&fs::read(path).unwrap()).unwrap(), filled().all());
    }
}
