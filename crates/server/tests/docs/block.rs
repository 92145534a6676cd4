//! A document's fenced blocks, and how each is to be taken.
//!
//! Invariant: what a fence says is understood, or the test fails; nothing is passed over.

/// One fenced block.
#[derive(Debug)]
pub(super) struct Block {
    /// Document and line, for whoever reads a failure.
    pub(super) place: String,
    pub(super) kind: Kind,
    pub(super) text: String,
}

/// How a block is taken; see `docs`.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Run,
    Stays,
    NotRun { _why: String },
    Output,
    Example,
    Module,
    Configuration,
    Unit,
    Yaml,
    Properties,
    Nginx,
    Caddy,
    QueryErrors,
    Drawing,
}

impl Kind {
    /// Whether the block is commands that are run.
    pub(super) fn is_run(&self) -> bool {
        matches!(self, Kind::Run | Kind::Stays)
    }

    fn of(info: &str) -> Option<Self> {
        Some(match info {
            "sh" => Kind::Run,
            "sh stays" => Kind::Stays,
            "json" | "text output" => Kind::Output,
            "json example" => Kind::Example,
            "js" => Kind::Module,
            "toml" => Kind::Configuration,
            "ini" => Kind::Unit,
            "yaml" => Kind::Yaml,
            "properties" => Kind::Properties,
            "nginx" => Kind::Nginx,
            "caddy" => Kind::Caddy,
            "text query-errors" => Kind::QueryErrors,
            "text" => Kind::Drawing,
            _ => {
                let why = info.strip_prefix("sh no-run: ")?;
                assert!(why.split(' ').count() >= 4, "{why:?} is no reason");
                Kind::NotRun { _why: why.to_owned() }
            }
        })
    }
}

impl Block {
    /// Every block of a document's text.
    pub(super) fn all_of(document: &str, text: &str) -> Vec<Self> {
        let mut found = Vec::new();
        let mut open: Option<Self> = None;
        for (number, line) in text.lines().enumerate() {
            let fence = line.trim_start().strip_prefix("```");
            match (&mut open, fence) {
                (None, Some(info)) => {
                    let place = format!("{document}, line {}", number + 1);
                    let kind = Kind::of(info.trim_end());
                    let kind = kind.unwrap_or_else(|| panic!("{place}: {info:?} says nothing that docs.rs knows"));
                    open = Some(Self { place, kind, text: String::new() });
                }
                (None, None) => {}
                (Some(_), Some(_)) => found.extend(open.take()),
                (Some(block), None) => {
                    block.text.push_str(line);
                    block.text.push('\n');
                }
            }
        }
        assert!(open.is_none(), "{document} ends within a block");
        found
    }
}

#[test]
fn fences_are_read() {
    let text = "a\n```sh no-run: it takes too long\nmake\n```\n\n```json\n{}\n{}\n```\n";
    let blocks = Block::all_of("d.md", text);
    let why = "it takes too long".to_owned();
    assert_eq!((&blocks[0].kind, blocks[0].text.as_str()), (&Kind::NotRun { _why: why }, "make\n"));
    assert_eq!((blocks[1].place.as_str(), blocks[1].text.as_str()), ("d.md, line 6", "{}\n{}\n"));
    assert_eq!((Kind::of(""), Kind::of("sh no-run"), Kind::of("bash")), (None, None, None));
}
