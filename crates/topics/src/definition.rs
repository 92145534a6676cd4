//! Live queries as definitions of the app's order (`store::Definition`), and how those of older
//! versions are taken over.
//!
//! ```text
//! a live query  {"version":2,"collection":…,"query":…,"language":1,"partitions":4,"onGap":"requery","createdMs":…}
//! the main feed {"version":1,"onGap":"snapshot"}, under the name `main`; until it is changed it has none
//! ```
//! One with a permission has version 4 and `"permission":{"everything":…,"queriesByCollection":…}`.
//! One that is compressed has version 3 and `"compression":"lz4"`, say, so that an older server names
//! it and does not call it broken; `"isSparse":true` where it would have version 1.
//! Version 1 of a live query says the same; its topic was made when offsets were the journal's, and
//! keeps those that were given out (`numbering`).
//!
//! `language` is that of the query, with its version (`document::Dialect`), by which it is
//! evaluated for ever: 1 is the legacy one, 2 is DQL.
//! Not here: what a live query means (`live_query`), the order (crate `store`).

use document::Dialect;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use store::{App, Definition, DefinitionKind, TakeOverError};

use crate::live_query::{Compression, GrantedQueries, LiveQuery, MAIN, OnGap, QueryLanguage};

const VERSION: u32 = 4;
const COMPRESSED_VERSION: u32 = 3;
const UNCOMPRESSED_VERSION: u32 = 2;
const SPARSE_VERSION: u32 = 1;
const MAIN_VERSION: u32 = 1;

/// The text beside the app's data that kept live queries before they were definitions.
const SETTING: &str = "live-queries";
const SETTING_VERSION: u32 = 1;

/// What is defined of an app's topics.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Defined {
    pub(crate) main_on_gap: OnGap,
    /// By name.
    pub(crate) live_queries: Vec<DefinedQuery>,
}

/// A live query as it is defined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DefinedQuery {
    pub(crate) query: LiveQuery,
    /// The oldest event that was kept when it was made.
    pub(crate) origin: u64,
    /// Whether its offsets were the journal's when it was made.
    pub(crate) is_sparse: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Body {
    version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    collection: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    query: Option<String>,
    language: u8,
    partitions: u16,
    on_gap: OnGap,
    #[serde(default, skip_serializing_if = "Compression::is_none")]
    compression: Compression,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_sparse: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    permission: Option<GrantedQueries>,
    created_ms: u64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MainBody {
    version: u32,
    on_gap: OnGap,
}

/// The file of older versions.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Setting {
    #[serde(rename = "version")]
    _version: u32,
    #[serde(default)]
    main_on_gap: OnGap,
    live_queries: Vec<LiveQuery>,
}

#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

impl Defined {
    /// Reads what is in force.
    pub(crate) fn of(definitions: &[Definition]) -> Result<Self, String> {
        let mut defined = Self::default();
        for Definition { name, body, origin, .. } in definitions {
            let failed = |error: String| format!("the definition of the live query {name:?} cannot be read: {error}");
            if name == MAIN {
                defined.main_on_gap = parse::<MainBody>(body, MAIN_VERSION).map_err(failed)?.on_gap;
                continue;
            }
            let body: Body = parse(body, VERSION).map_err(failed)?;
            let Body {
                version,
                collection,
                query,
                partitions,
                on_gap,
                compression,
                is_sparse,
                permission,
                created_ms,
                ..
            } = body;
            let unknown = || failed(format!("its language {} is not known", body.language));
            let query_language = language_of(body.language).ok_or_else(unknown)?;
            let name = name.clone();
            defined.live_queries.push(DefinedQuery {
                query: LiveQuery {
                    name,
                    collection,
                    query,
                    query_language,
                    partitions,
                    on_gap,
                    compression,
                    permission,
                    created_ms,
                },
                origin: *origin,
                is_sparse: is_sparse || version == SPARSE_VERSION,
            });
        }
        Ok(defined)
    }
}

fn language_of(number: u8) -> Option<QueryLanguage> {
    QueryLanguage::ALL.into_iter().find(|language| number_of(*language) == number)
}

fn number_of(language: QueryLanguage) -> u8 {
    match language {
        QueryLanguage::Legacy => Dialect::Legacy as u8,
        QueryLanguage::Dql => Dialect::Dql as u8,
    }
}

/// The version first: what a newer one wrote is not called broken.
fn parse<T: DeserializeOwned>(text: &str, known: u32) -> Result<T, String> {
    let Versioned { version } = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if version > known {
        return Err(format!("it has version {version}; this server reads up to {known}"));
    }
    serde_json::from_str(text).map_err(|error| error.to_string())
}

pub(crate) fn body_of(live_query: &LiveQuery, is_sparse: bool) -> String {
    let LiveQuery {
        collection, query, query_language, partitions, on_gap, compression, permission, created_ms, ..
    } = live_query.clone();
    text_of(&Body {
        version: match (&permission, compression, is_sparse) {
            (Some(_), ..) => VERSION,
            (None, Compression::None, true) => SPARSE_VERSION,
            (None, Compression::None, false) => UNCOMPRESSED_VERSION,
            _ => COMPRESSED_VERSION,
        },
        collection,
        query,
        language: number_of(query_language),
        partitions,
        on_gap,
        compression,
        is_sparse: is_sparse && (permission.is_some() || !compression.is_none()),
        permission,
        created_ms,
    })
}

pub(crate) fn body_of_main(on_gap: OnGap) -> String {
    text_of(&MainBody { version: MAIN_VERSION, on_gap })
}

fn text_of(body: &impl Serialize) -> String {
    serde_json::to_string(body).expect("texts and numbers are written to memory")
}

/// What an older version kept in a file, if there is one. Blocks on disk.
pub(crate) fn of_older_version(app: &App) -> std::io::Result<Option<Defined>> {
    let Some(text) = app.setting(SETTING)? else { return Ok(None) };
    let setting: Setting = parse(&text, SETTING_VERSION).map_err(std::io::Error::other)?;
    let live_queries = setting.live_queries.into_iter().map(|query| DefinedQuery { query, origin: 0, is_sparse: true });
    Ok(Some(Defined { main_on_gap: setting.main_on_gap, live_queries: live_queries.collect() }))
}

/// Makes definitions of what an older version kept in a file, and then removes the file: a crash
/// between the two does it again. Blocks.
pub(crate) fn take_over(app: &App, setting: &Defined) -> Result<(), TakeOverError> {
    let main = (MAIN.to_owned(), body_of_main(setting.main_on_gap));
    let others = setting.live_queries.iter().map(|one| (one.query.name.clone(), body_of(&one.query, true)));
    let definitions: Vec<_> = std::iter::once(main).chain(others).collect();
    let count = definitions.len() - 1;
    app.take_over_setting(SETTING, DefinitionKind::LiveQuery, definitions)?;
    tracing::info!(app = app.name().as_str(), live_queries = count, "took live queries over into the journal");
    Ok(())
}

#[cfg(test)]
mod tests {
    use store::TxnId;

    use super::*;

    fn definition(name: &str, body: String) -> Definition {
        let kind = DefinitionKind::LiveQuery;
        Definition { kind, name: name.into(), body, origin: 0, txn_id: TxnId(1), commit_time_ms: 2 }
    }

    #[test]
    fn what_is_defined_reads_back() {
        let uncompressed = LiveQuery {
            name: "adults".into(),
            collection: Some("people".into()),
            query: Some("age >= 18".into()),
            query_language: QueryLanguage::Legacy,
            partitions: 4,
            on_gap: OnGap::Snapshot,
            compression: Compression::None,
            permission: None,
            created_ms: 7,
        };
        let body = body_of(&uncompressed, false);
        assert!(body.starts_with(r#"{"version":2,"#) && !body.contains("ompress"), "as it always was");
        let compressed = LiveQuery { compression: Compression::Lz4, ..uncompressed.clone() };
        let body = body_of(&compressed, false);
        assert!(
            body.starts_with(r#"{"version":3,"#) && body.contains(r#""compression":"lz4""#) && !body.contains("arse")
        );
        let by_dql = LiveQuery { query_language: QueryLanguage::Dql, ..uncompressed.clone() };
        assert!(body_of(&by_dql, false).contains(r#""query":"age >= 18","language":2,"#));
        let queries_by_collection = [("people".to_owned(), vec!["_id.shop == 'x'".to_owned()])].into();
        let permission = Some(GrantedQueries { everything: false, queries_by_collection });
        let restricted = LiveQuery { permission, ..compressed.clone() };
        assert!(body_of(&restricted, false).starts_with(r#"{"version":4,"#));
        for (live_query, is_sparse) in
            [&uncompressed, &compressed, &by_dql, &restricted].into_iter().flat_map(|one| [(one, false), (one, true)])
        {
            let body = body_of(live_query, is_sparse);
            let definitions = [definition("adults", body), definition(MAIN, body_of_main(OnGap::Snapshot))];
            let live_query = DefinedQuery { query: live_query.clone(), origin: 0, is_sparse };
            let defined = Defined { main_on_gap: OnGap::Snapshot, live_queries: vec![live_query] };
            assert_eq!(Defined::of(&definitions), Ok(defined));
        }
    }

    #[test]
    fn what_a_newer_version_defined_is_named() {
        for body in [r#"{"version":5,"more":1}"#, r#"{"version":1,"onGap":"requery","more":1}"#, "{"] {
            let error = Defined::of(&[definition("a", body.into())]).unwrap_err();
            assert!(error.starts_with("the definition of the live query \"a\" cannot be read: "), "{error}");
            assert_eq!(error.contains("it has version 5"), body.contains(":5"), "{error}");
        }
        let body = r#"{"version":2,"query":"a","language":3,"partitions":1,"onGap":"requery","createdMs":1}"#;
        let error = Defined::of(&[definition("a", body.into())]).unwrap_err();
        assert!(error.ends_with("its language 3 is not known"), "{error}");
    }
}
