//! `headwater key`: API keys of the running server.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
};

use anyhow::Context as _;
use credentials::DiskProof;
use serde_json::json;
use wire::admin::{Grant, GrantedQueries, KeyReply, KeysReply, Permission, PermissionDocument};

use super::{Context, read_reply};
use crate::{
    admin_client::{AdminClient, segment},
    config::AppOption,
    output::{date_time, print_line, print_table},
};

/// What to do with keys.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Key {
    /// Make a key; its secret is printed once and stored hashed
    #[command(after_help = "\
Examples:
  headwater key create my-app                               read and write in the default app
  headwater key create reports --grant shop=read            read in the app shop
  headwater key create till --grant shop/orders=read,write  one collection
  headwater key create deploy --grant '*=admin'             everything, in every app
  headwater key create north --permission north.json        some documents: those that the file names

north.json says by queries over _id which documents of a collection may be read and which of those be written:
  {\"read\":{\"queriesByCollection\":{\"orders\":[\"_id.shop == 'north'\"]}},
   \"write\":{\"queriesByCollection\":{\"orders\":[\"_id.shop == 'north'\"]}}}")]
    Create {
        /// Its name: letters, digits, '.', '_' and '-'
        name: String,
        /// What it may do: APP=…, or APP/COLLECTION=… with read, write, admin; repeatable [default:
        /// read,write in --app]
        #[arg(long = "grant", value_name = "APP[/COLLECTION]=PERMISSIONS")]
        grants: Vec<GrantText>,
        #[command(flatten)]
        app: AppOption,
        /// Which documents it may read and write, of what it is granted: a permission document as JSON; '-' is the
        /// standard input [default: all]
        #[arg(long, value_name = "FILE")]
        permission: Option<PathBuf>,
        /// Print the server's JSON reply
        #[arg(long)]
        json: bool,
    },
    /// List the keys, without their secrets
    List {
        /// Print the server's JSON reply
        #[arg(long)]
        json: bool,
    },
    /// Revoke a key, at once and for good
    Revoke {
        /// Its name
        name: String,
    },
    /// Ask for no key any longer, though one was made: only after every key was revoked
    #[command(after_help = "\
Once a key was made every request needs one, also after the last was revoked or keys.json was lost. This undoes that: the server
is then as open as before its first key, on loopback or with --insecure-open to everybody. It needs the running server's data
directory, with the admin key in it.

Example:
  headwater key revoke my-app
  headwater key open-again")]
    OpenAgain,
}

impl Key {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        match self {
            Key::Create { name, grants, app, permission, json } => {
                let app = app.resolve(&context.file)?;
                let mut grants: Vec<Grant> = grants.into_iter().map(|grant| grant.0).collect();
                if grants.is_empty() {
                    let permissions = vec![Permission::Read, Permission::Write];
                    grants.push(Grant { app: app.as_str().to_owned(), collection: None, permissions });
                }
                let mut new = json!({ "name": name, "grants": grants });
                if let Some(file) = permission {
                    new["permission"] = permission_of(&file)?;
                }
                let reply = connect(context)?.create("keys", &new)?;
                if json { print_line(&reply) } else { print_secret(&read_reply(&reply)?) }
            }
            Key::List { json } => {
                let reply = connect(context)?.read("keys")?;
                if json { print_line(&reply) } else { print_keys(&read_reply(&reply)?) }
            }
            Key::OpenAgain => {
                let (server, data_dir) = (connect(context)?, &context.common.data_dir);
                let proof = DiskProof::leave(data_dir)?;
                let opened = server.create("open-again", &json!({ "file": proof.file, "text": proof.text }));
                let withdrawn = proof.withdraw(data_dir);
                opened?;
                withdrawn?;
                print_line("no key is needed any longer where the server is open without keys, until one is made")
            }
            Key::Revoke { name } => {
                let server = connect(context)?;
                if let Err(error) = server.delete(&format!("keys/{}", segment(&name))) {
                    // Nothing is kept of a key that was revoked.
                    let keys: Option<KeysReply> = server.read("keys").and_then(|reply| read_reply(&reply)).ok();
                    return Err(match keys {
                        Some(keys) if keys.keys.iter().all(|key| key.name != name) => anyhow::anyhow!(
                            "there is no key named {name:?}: it was revoked before, or never made; headwater key list shows those that there are"
                        ),
                        _ => error,
                    });
                }
                print_line(&format!("revoked key {name}"))
            }
        }
    }
}

/// A permission document as it stands in a file; what its queries are is the server's to say.
pub(super) fn permission_of(file: &Path) -> anyhow::Result<serde_json::Value> {
    let text = match file.as_os_str() == "-" {
        true => std::io::read_to_string(std::io::stdin()).context("cannot read the permission from standard input")?,
        false => std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?,
    };
    serde_json::from_str(&text).with_context(|| format!("{} holds no JSON", file.display()))
}

fn connect(context: &Context) -> anyhow::Result<AdminClient> {
    AdminClient::connect(&context.common.data_dir)
}

/// The secret alone on stdout, so that `KEY=$(headwater key create …)` works; what it is goes to
/// stderr.
fn print_secret(made: &KeyReply) -> anyhow::Result<()> {
    eprintln!("made key {}. Its secret is shown only now; send it as: Authorization: Bearer <secret>", made.name);
    print_line(made.secret.as_deref().unwrap_or_default())
}

fn print_keys(reply: &KeysReply) -> anyhow::Result<()> {
    let row = |key: &KeyReply| {
        let grants = key.grants.iter().map(grant_text).collect::<Vec<_>>().join(" ");
        let documents = key.permission.as_ref().map_or_else(|| "all".to_owned(), documents_text);
        vec![key.name.clone(), grants, documents, date_time(key.created_ms)]
    };
    print_table(&["key", "grants", "documents", "made"], &reply.keys.iter().map(row).collect::<Vec<_>>(), "no keys")
}

/// How far a permission document reaches; `--json` shows it.
fn documents_text(document: &PermissionDocument) -> String {
    let half = |half: &GrantedQueries| match half.everything {
        true => "all".to_owned(),
        false => match half.queries_by_collection.len() {
            0 => "none".to_owned(),
            1 => "some of 1 collection".to_owned(),
            collections => format!("some of {collections} collections"),
        },
    };
    format!("read {}, write {}", half(&document.read), half(&document.write))
}

fn grant_text(grant: &Grant) -> String {
    let permissions = grant.permissions.iter().map(|permission| match permission {
        Permission::Read => "read",
        Permission::Write => "write",
        Permission::Admin => "admin",
    });
    let collection = grant.collection.as_ref().map(|collection| format!("/{collection}")).unwrap_or_default();
    format!("{}{collection}={}", grant.app, permissions.collect::<Vec<_>>().join(","))
}

/// A grant as it is written on the command line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct GrantText(Grant);

impl FromStr for GrantText {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (place, permissions) = text.rsplit_once('=').ok_or("a grant is APP=read,write or APP/COLLECTION=read")?;
        let (app, collection) = match place.split_once('/') {
            Some((app, collection)) => (app, Some(collection.to_owned())),
            None => (place, None),
        };
        if app.is_empty() || collection.as_deref() == Some("") {
            return Err("a grant names an app ('*' is every app), and a collection after '/'".to_owned());
        }
        let permission = |name: &str| match name {
            "read" => Ok(Permission::Read),
            "write" => Ok(Permission::Write),
            "admin" => Ok(Permission::Admin),
            other => Err(format!("{other:?} is no permission; there are read, write and admin")),
        };
        let permissions = permissions.split(',').map(permission).collect::<Result<Vec<_>, _>>()?;
        Ok(Self(Grant { app: app.to_owned(), collection, permissions }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_are_read_and_shown_alike() {
        for text in ["shop=read", "shop/orders=read,write", "*=admin", "shop/a=b=read"] {
            let GrantText(grant) = text.parse().unwrap();
            assert_eq!(grant_text(&grant), text);
        }
        for text in ["shop", "=read", "shop/=read", "shop=", "shop=reed", "shop=read,"] {
            assert!(text.parse::<GrantText>().is_err(), "{text}");
        }
    }
}
