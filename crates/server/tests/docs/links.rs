//! Links of documents: each leads to a file of the repository, and to a heading that is there.
//!
//! Not here: addresses of other machines, which no test asks.

use std::{collections::BTreeSet, path::Path};

/// Links of a document's text that lead nowhere, from the folder that it lies in.
pub(super) fn broken(root: &Path, document: &str, text: &str) -> Vec<String> {
    let folder = root.join(document).parent().expect("a document lies in a folder").to_owned();
    let prose = without_blocks(text);
    let is_broken = |link: &&str| {
        let (path, heading) = link.split_once('#').unwrap_or((link, ""));
        let file = if path.is_empty() { root.join(document) } else { folder.join(path) };
        let has_heading = || std::fs::read_to_string(&file).is_ok_and(|text| headings(&text).contains(heading));
        !file.exists() || (!heading.is_empty() && !has_heading())
    };
    links(&prose).into_iter().filter(is_broken).map(|link| format!("{document}: {link}")).collect()
}

fn links(prose: &str) -> Vec<&str> {
    let targets = prose.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    targets.map(|(target, _)| target).filter(|target| !target.contains("://")).collect()
}

/// The anchors that a reader's program makes of headings: lower case, blanks to hyphens, other signs away.
fn headings(text: &str) -> BTreeSet<String> {
    let prose = without_blocks(text);
    let headings = prose.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    headings
        .map(|heading| {
            let lower = heading.to_lowercase().replace(' ', "-");
            lower.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect()
        })
        .collect()
}

fn without_blocks(text: &str) -> String {
    let mut is_block = false;
    let kept = text.lines().filter(|line| {
        let is_fence = line.trim_start().starts_with("```");
        is_block ^= is_fence;
        !is_block && !is_fence
    });
    kept.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_link_that_leads_nowhere_is_seen() {
    let text = "# A title: it's one\n[a](#a-title-its-one) [b](#none) [c](none.md) [d](https://example.com/x)\n```sh\n[e](e)\n```\n";
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("d.md"), text).unwrap();
    assert_eq!(broken(folder.path(), "d.md", text), ["d.md: #none", "d.md: none.md"]);
}
