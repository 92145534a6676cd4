//! Which image a file is, by its first bytes: what the portal may show as one.
//!
//! Invariants: a file's name and metadata say nothing here; what can hold a script is no image, so
//! SVG is not among them (signatures: WHATWG MIME Sniffing, section 6.1; AVIF: its brand in ISO/IEC
//! 14496-12's `ftyp`).

/// So many bytes tell.
pub(crate) const HEAD_BYTES: usize = 64;

/// An image that browsers show and that runs nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ImageKind {
    Png,
    Jpeg,
    Gif,
    Webp,
    Avif,
}

impl ImageKind {
    /// By the first bytes of a file, at most [`HEAD_BYTES`].
    pub(crate) fn of(head: &[u8]) -> Option<Self> {
        if head.starts_with(b"\x89PNG\r\n\x1a\n") {
            Some(Self::Png)
        } else if head.starts_with(b"\xff\xd8\xff") {
            Some(Self::Jpeg)
        } else if head.starts_with(b"GIF87a") || head.starts_with(b"GIF89a") {
            Some(Self::Gif)
        } else if head.starts_with(b"RIFF") && head.get(8..14) == Some(b"WEBPVP") {
            Some(Self::Webp)
        } else if is_avif(head) {
            Some(Self::Avif)
        } else {
            None
        }
    }

    /// As browsers are told it.
    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Gif => "image/gif",
            Self::Webp => "image/webp",
            Self::Avif => "image/avif",
        }
    }

    /// As people are told it.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Png => "PNG image",
            Self::Jpeg => "JPEG image",
            Self::Gif => "GIF image",
            Self::Webp => "WebP image",
            Self::Avif => "AVIF image",
        }
    }
}

/// Its first box is `ftyp`, and one of the brands in it is AVIF's.
fn is_avif(head: &[u8]) -> bool {
    let Some((length, rest)) = head.split_first_chunk::<4>() else { return false };
    let Some(brands) = rest.strip_prefix(b"ftyp") else { return false };
    let end = (u32::from_be_bytes(*length) as usize).saturating_sub(8).min(brands.len());
    // The second four bytes are a version.
    let is_one = |(at, brand): (usize, &[u8])| at != 1 && matches!(brand, b"avif" | b"avis");
    brands[..end].chunks_exact(4).enumerate().any(is_one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_is_is_said_by_its_bytes() {
        for (head, expected) in [
            (&b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"[..], Some(ImageKind::Png)),
            (b"\xff\xd8\xff\xe0\0\x10JFIF", Some(ImageKind::Jpeg)),
            (b"GIF89a\x01\0\x01\0", Some(ImageKind::Gif)),
            (b"RIFF\x24\0\0\0WEBPVP8 ", Some(ImageKind::Webp)),
            (b"\0\0\0\x1cftypavif\0\0\0\0mif1miaf", Some(ImageKind::Avif)),
            (b"\0\0\0\x1cftypmif1\0\0\0\0avifmiaf", Some(ImageKind::Avif)),
            // Behind the box it says nothing, nor does its version.
            (b"\0\0\0\x10ftypmp42\0\0\0\0avif", None),
            (b"\0\0\0\x14ftypmp42avifisom", None),
            (b"\0\0\0\0ftypavif", None),
            (b"RIFF\x24\0\0\0WAVEfmt ", None),
            (b"<svg xmlns=\"http://www.w3.org/2000/svg\">", None),
            (b"<!doctype html><img src=x>", None),
            (b"\x89PNG", None),
            (b"", None),
        ] {
            assert_eq!(ImageKind::of(head), expected, "{head:?}");
        }
    }
}
