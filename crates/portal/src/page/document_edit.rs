//! Changing and removing a document: a form, then what would differ, then the write.
//!
//! Invariant: nothing is written that was not shown as a difference, of the very state that is written to.

use askama::Template;
use axum::{
    Extension,
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use document::{Document, DocumentId, FieldType, Map, Path, UpdateKind, Value};

use super::document::Named;
use crate::{
    audit::NothingDone,
    clip::Clipper,
    difference::Difference,
    document_write::{Done, Edits, Plan, stamp_text},
    draft::name_of,
    failure::Failure,
    form::{Form, STEP},
    json_text,
    layout::{self, Layout, Section},
    limits::{COMMAND_SHOWN_BYTES, DOCUMENTS_HTML_BYTES, EDITABLE_BYTES_MAX, NAME_SHOWN_BYTES, TYPED_BYTES_MAX},
    scope::Scope,
};

/// What somebody typed, of the document or of one field.
#[derive(Debug, Clone, Default)]
struct Typed {
    /// Which field; the whole document without it.
    path: Option<String>,
    is_counter: bool,
    /// JSON.
    text: String,
}

#[derive(Template)]
#[template(path = "document_edit.html")]
struct EditPage {
    layout: Layout,
    id: String,
    document_path: String,
    typed: Typed,
    error: Option<String>,
}

/// What a write would do, for all that write.
#[derive(Template)]
#[template(path = "document_preview.html")]
pub(crate) struct PreviewPage {
    pub(crate) layout: Layout,
    pub(crate) document_path: String,
    pub(crate) id: String,
    pub(crate) collection: String,
    /// Where the form goes, and back to what.
    pub(crate) action: String,
    pub(crate) back: String,
    pub(crate) button: &'static str,
    pub(crate) is_removal: bool,
    /// Why it must be looked at again.
    pub(crate) warning: Option<&'static str>,
    pub(crate) difference: Difference,
    pub(crate) stays: Vec<String>,
    pub(crate) command: String,
    /// What the form carries on.
    pub(crate) hidden: Vec<(&'static str, String)>,
}

pub(crate) const OUTDATED: &str =
    "Somebody wrote the document after you had seen it. Nothing was done. This is what your change would do now.";

impl PreviewPage {
    pub(crate) fn of(layout: Layout, plan: &Plan, stays: Vec<String>, paths: (String, String, String)) -> Self {
        let mut clipper = Clipper::new(DOCUMENTS_HTML_BYTES);
        let difference = Difference::between(plan.before.as_ref(), plan.after.as_ref(), &mut clipper);
        let (document_path, action, back) = paths;
        Self {
            layout,
            document_path,
            id: clipper.clip(plan.id.as_json(), NAME_SHOWN_BYTES),
            collection: clipper.clip(plan.collection.as_str(), NAME_SHOWN_BYTES),
            action,
            back,
            button: "Save",
            is_removal: false,
            warning: None,
            difference,
            stays: stays.into_iter().take(50).map(|path| clipper.clip(&path, 200)).collect(),
            command: clipper.clip(&plan.command, COMMAND_SHOWN_BYTES),
            hidden: vec![("step", "save".to_owned()), ("since", plan.since())],
        }
    }
}

/// The form: of the whole document, or with `?path=` of one field; or what the address's draft of it
/// would change.
pub(crate) async fn form(scope: Scope) -> Result<Response, Failure> {
    let named = Named::by(&scope)?;
    let document = present(&scope, &named).await?;
    let path = scope.visit.query.filled("path").map(str::to_owned);
    let Some(draft) = scope.visit.draft(&name_of(&action(&scope, &named), &scope.visit.query)) else {
        return Ok(edit_page(&scope, &named, Typed::unchanged(&document, path)?, None));
    };
    let typed = Typed::of(&draft.form);
    if !scope.visit.names_draft() {
        return Ok(edit_page(&scope, &named, typed, None));
    }
    match plan(&document, &named, &typed) {
        Ok((plan, stays)) => {
            let warning = draft.error.is_some().then_some(OUTDATED);
            Ok(preview(&scope, &named, typed, &plan, stays, warning))
        }
        Err(error) => Ok(edit_page(&scope, &named, typed, Some(error))),
    }
}

/// Writes it, if that was shown; else leads to where it is.
pub(crate) async fn submit(scope: Scope) -> Result<Response, Failure> {
    let named = Named::by(&scope)?;
    let document = present(&scope, &named).await?;
    let form = &scope.visit.form;
    let typed = Typed::of(form);
    let action = action(&scope, &named);
    let of = name_of(&action, form);
    let page = page_of(&action, &typed);
    if form.text(STEP) != "save" {
        return Ok(scope.visit.again(&of, &page, None));
    }
    let Ok((plan, _)) = plan(&document, &named, &typed) else { return Ok(scope.visit.again(&of, &page, None)) };
    if form.text("since") == stamp_text(document.stamp_max())
        && let Done::Written(txn) = plan.run(&scope.app).await?
    {
        scope.visit.carried_out(&of);
        return Ok(written(&scope, &named, &format!("Saved as transaction {}.", txn.0)));
    }
    Ok(scope.visit.again(&of, &page, Some(OUTDATED.to_owned())))
}

/// Where the form goes.
fn action(scope: &Scope, named: &Named) -> String {
    format!("{}/edit", named.path(scope))
}

/// The page of the form.
fn page_of(action: &str, typed: &Typed) -> String {
    match &typed.path {
        Some(field) => format!("{action}?path={}", crate::scope::segment(field)),
        None => action.to_owned(),
    }
}

fn plan(document: &Document, named: &Named, typed: &Typed) -> Result<(Plan, Vec<String>), String> {
    let mut edits = edits(document, &named.id, typed)?;
    let stays = std::mem::take(&mut edits.stays);
    if edits.is_empty() {
        return Err(nothing_to_do(&stays));
    }
    Ok((Plan::update(document, &named.collection, &named.id, edits)?, stays))
}

fn preview(
    scope: &Scope,
    named: &Named,
    typed: Typed,
    plan: &Plan,
    stays: Vec<String>,
    warning: Option<&'static str>,
) -> Response {
    let action = action(scope, named);
    let paths = (named.path(scope), action.clone(), page_of(&action, &typed));
    let mut page = PreviewPage::of(scope.layout("What would change", Section::Documents), plan, stays, paths);
    page.warning = warning;
    page.hidden.push(("text", typed.text));
    page.hidden.extend(typed.path.map(|path| ("path", path)));
    page.hidden.extend(typed.is_counter.then(|| ("counter", "yes".to_owned())));
    layout::page(StatusCode::OK, &page)
}

impl Typed {
    fn of(form: &Form) -> Self {
        Self {
            path: form.filled("path").map(str::to_owned),
            is_counter: form.text("counter") == "yes",
            text: form.text("text").to_owned(),
        }
    }

    /// The document as it is, or one field of it.
    fn unchanged(document: &Document, path: Option<String>) -> Result<Self, Failure> {
        let typed = match &path {
            None => Self { text: json_text::pretty(&document.value().unwrap_or_default()), ..Self::default() },
            Some(name) => {
                let field = document.fields().into_iter().find(|field| field.path.to_string() == *name);
                let field = field.ok_or_else(|| Failure::NotFound { kind: "field", name: name.clone() })?;
                let is_counter = field.kind == FieldType::Counter;
                let value = field.value.as_ref().filter(|_| !is_counter);
                Self { path, is_counter, text: value.map_or_else(|| "1".to_owned(), json_text::line) }
            }
        };
        if typed.text.len() <= EDITABLE_BYTES_MAX {
            return Ok(typed);
        }
        Err(Failure::BadInput(format!(
            "the document is longer than {EDITABLE_BYTES_MAX} bytes: change its fields one by one, or over the HTTP API"
        )))
    }
}

/// What removing would do.
pub(crate) async fn removal(scope: Scope) -> Result<Response, Failure> {
    let named = Named::by(&scope)?;
    let document = present(&scope, &named).await?;
    let plan = Plan::remove(&document, &named.collection, &named.id).map_err(Failure::BadInput)?;
    let path = named.path(&scope);
    let paths = (path.clone(), format!("{path}/remove"), path);
    let layout = scope.layout("Remove this document?", Section::Documents);
    let mut page = PreviewPage::of(layout, &plan, Vec::new(), paths);
    (page.button, page.is_removal) = ("Remove", true);
    Ok(layout::page(StatusCode::OK, &page))
}

/// Removes it, if it is as it was seen; else shows what removing would do now.
pub(crate) async fn remove(scope: Scope) -> Result<Response, Failure> {
    let named = Named::by(&scope)?;
    let document = present(&scope, &named).await?;
    if scope.visit.form.text("since") == stamp_text(document.stamp_max()) {
        let plan = Plan::remove(&document, &named.collection, &named.id).map_err(Failure::BadInput)?;
        if let Done::Written(txn) = plan.run(&scope.app).await? {
            return Ok(written(&scope, &named, &format!("Removed as transaction {}.", txn.0)));
        }
    }
    scope.visit.tell(false, OUTDATED);
    let page = format!("{}/remove", named.path(&scope));
    Ok((Extension(NothingDone), Redirect::to(&page)).into_response())
}

async fn present(scope: &Scope, named: &Named) -> Result<Document, Failure> {
    let document = named.read(scope).await?.document;
    if document.exists() {
        return Ok(document);
    }
    Err(Failure::NotFound { kind: "document", name: named.id.as_json().to_owned() })
}

fn edits(document: &Document, id: &DocumentId, typed: &Typed) -> Result<Edits, String> {
    let value = read_json(&typed.text)?;
    let Some(path) = &typed.path else {
        return Edits::to(document, &without_id(value, id)?);
    };
    let known = Path::parse(path).map_err(|error| error.to_string())?;
    let is_counter = document.fields().iter().any(|field| field.kind == FieldType::Counter && field.path == known);
    if is_counter != typed.is_counter {
        return Err(format!("{path} is of another type now: begin again from the document's page"));
    }
    let kind = if is_counter { UpdateKind::Increment(value) } else { UpdateKind::Set(value) };
    Ok(Edits::of_field(path, &kind))
}

/// JSON that somebody typed.
pub(crate) fn read_json(text: &str) -> Result<Value, String> {
    if text.len() > TYPED_BYTES_MAX {
        return Err(format!(
            "this is longer than {TYPED_BYTES_MAX} bytes: larger documents can be written over the HTTP API"
        ));
    }
    Value::from_json(text.as_bytes()).map_err(|error| format!("this is not JSON: {error}"))
}

fn without_id(value: Value, id: &DocumentId) -> Result<Map, String> {
    let Value::Map(mut map) = value else { return Err("a document is a JSON object".to_owned()) };
    match map.remove("_id").map(|inner| DocumentId::from_value(&inner)) {
        Some(inner) if inner.as_ref() != Ok(id) => Err("a document's _id never changes".to_owned()),
        _ => Ok(map),
    }
}

fn nothing_to_do(stays: &[String]) -> String {
    if stays.is_empty() {
        return "this is what the document says already".to_owned();
    }
    "nothing would change: a write merges, so fields that are left out stay. To take one away, set it to null, or remove the document".to_owned()
}

fn edit_page(scope: &Scope, named: &Named, typed: Typed, error: Option<String>) -> Response {
    let page = EditPage {
        layout: scope.layout("Edit a document", Section::Documents),
        id: named.id.as_json().to_owned(),
        document_path: named.path(scope),
        typed,
        error: error.map(|error| super::problem::sentence(&error)),
    };
    layout::page(StatusCode::OK, &page)
}

fn written(scope: &Scope, named: &Named, text: &str) -> Response {
    scope.visit.tell(true, text);
    Redirect::to(&named.path(scope)).into_response()
}
