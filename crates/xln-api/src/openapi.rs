//! The OpenAPI 3.1 document, derived from the table of methods.

use crate::access::Access;
use crate::auth::login::{LoginAnswer, LoginParams};
use crate::error::Code;
use crate::method::{Action, Method, Verb};
use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

const DESCRIPTION: &str = "REST twin of the WebSocket methods at /v1/ws. Amounts, nonces and block numbers are decimal strings. \
    No field may be given twice, at any depth. Request ids make what isn't a mere read repeatable: for 24 hours an account gets the \
    first answer for the same id, method and parameters, and 4009 for others. Here the id is the header Idempotency-Key; over \
    WebSocket it is the request's `id`, where that is a string of at least 16 characters (a shorter or numeric one only matches \
    answers to requests). Answers to what never reached the core (malformed, overloaded) aren't kept: try again with the same id. A \
    full account loses its oldest answers first (4009 answered_before: it was executed, and isn't run again), then is refused (4029).";

/// The OpenAPI document, as served at `/api/v1/openapi.json` and kept in `docs/openapi.json`.
pub fn openapi_json() -> String {
    let document = document(&crate::methods::table());
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

/// Schemas of what callers send and of what they get: two contracts, one list of definitions.
struct Schemas {
    sent: SchemaGenerator,
    answered: SchemaGenerator,
}

fn settings() -> SchemaSettings {
    SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    })
}

fn document(methods: &[Method]) -> Value {
    let mut schemas = Schemas {
        sent: settings().for_deserialize().into_generator(),
        answered: settings().for_serialize().into_generator(),
    };
    let mut paths: Map<String, Value> = Map::new();
    let mut listed = Vec::new();
    for method in methods {
        let (params, answer) = ((method.params)(&mut schemas.sent), (method.answer)(&mut schemas.answered));
        listed.push(listing(method, &params, &answer));
        if let Some(route) = method.route {
            let operation = operation(method, &params, &answer, &mut schemas.sent);
            let verb = if route.verb == Verb::Get { "get" } else { "post" };
            let path = paths.entry(format!("/api/v1{}", route.path)).or_insert_with(|| json!({}));
            if let Some(verbs) = path.as_object_mut() {
                verbs.insert(verb.to_owned(), operation);
            }
        }
    }
    paths.insert("/api/v1/auth/token".to_owned(), login(&mut schemas));
    for (path, doc) in [
        ("/healthz", "The process is alive."),
        ("/readyz", "Each dependency with its state; 503 while one doesn't work."),
        ("/metrics", "Counters, as Prometheus text."),
        ("/docs", "The methods, for people."),
        ("/api/v1/openapi.json", "This document."),
    ] {
        let answer = json!({ "200": { "description": doc } });
        let operation = json!({ "summary": doc, "responses": answer, "security": [] });
        paths.insert(path.to_owned(), json!({ "get": operation }));
    }
    let mut definitions = schemas.sent.take_definitions(true);
    definitions.extend(schemas.answered.take_definitions(true));
    definitions.insert("Error".to_owned(), error_schema());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "XLN", "version": "v1",
            "description": DESCRIPTION,
        },
        "paths": paths,
        "components": {
            "schemas": definitions,
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" } },
        },
        "security": [{ "token": [] }],
        "x-xln-methods": listed,
    })
}

/// A method as WebSocket has it: the only form of those that belong to a session.
fn listing(method: &Method, params: &Schema, answer: &Schema) -> Value {
    json!({
        "method": method.name, "number": method.number, "access": method.access.name(), "description": method.doc,
        "available": !matches!(method.action, Action::Later), "reads": method.reads, "params": params, "result": answer,
    })
}

/// A method as REST has it: named path and query parameters, the rest in the body.
fn operation(method: &Method, params: &Schema, answer: &Schema, sent: &mut SchemaGenerator) -> Value {
    let path = method.route.map_or("", |route| route.path);
    let is_get = method.route.is_some_and(|route| route.verb == Verb::Get);
    let fields = fields_of(params, sent);
    let in_path = |name: &str| path.contains(&format!("{{{name}}}"));
    let mut parameters = Vec::new();
    for segment in path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
        let schema = fields.get(segment).cloned().unwrap_or_else(|| json!({ "type": "string" }));
        parameters.push(json!({ "name": segment, "in": "path", "required": true, "schema": schema }));
    }
    if is_get {
        for (name, schema) in fields.iter().filter(|(name, _)| !in_path(name)) {
            parameters.push(json!({ "name": name, "in": "query", "required": false, "schema": schema }));
        }
    }
    if !method.reads {
        let doc = "The same key and parameters get the first answer, for 24 hours.";
        let schema = json!({ "type": "string", "minLength": 1, "maxLength": crate::idempotency::KEY_CHARS_MAX });
        parameters.push(json!({ "name": "Idempotency-Key", "in": "header", "description": doc, "schema": schema }));
    }
    let mut operation = json!({
        "operationId": method.name, "summary": method.doc, "parameters": parameters,
        "tags": [method.name.split('.').next().unwrap_or_default()],
        "responses": {
            "200": { "description": "Done.", "content": { "application/json": { "schema": answer } } },
            "default": error_response(),
        },
    });
    if let Some(fields) = operation.as_object_mut() {
        if !is_get {
            let schema = body_schema(params, sent, &in_path);
            let body = json!({ "required": false, "content": { "application/json": { "schema": schema } } });
            fields.insert("requestBody".to_owned(), body);
        }
        if method.access == Access::Open {
            fields.insert("security".to_owned(), json!([]));
        }
    }
    operation
}

/// The definition that a reference names, or the schema itself.
fn resolved(schema: &Schema, generator: &SchemaGenerator) -> Value {
    let value = schema.as_value();
    let name = value.get("$ref").and_then(Value::as_str).and_then(|reference| reference.rsplit('/').next());
    name.and_then(|name| generator.definitions().get(name)).unwrap_or(value).clone()
}

fn fields_of(params: &Schema, generator: &SchemaGenerator) -> Map<String, Value> {
    let schema = resolved(params, generator);
    schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default()
}

/// The parameters without those that stand in the path.
fn body_schema(params: &Schema, generator: &SchemaGenerator, in_path: &impl Fn(&str) -> bool) -> Value {
    let mut schema = resolved(params, generator);
    if let Some(fields) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        fields.retain(|name, _| !in_path(name));
    }
    if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|name| !name.as_str().is_some_and(in_path));
    }
    schema
}

fn login(schemas: &mut Schemas) -> Value {
    let sent = schemas.sent.subschema_for::<LoginParams>();
    let answered = schemas.answered.subschema_for::<LoginAnswer>();
    json!({ "post": {
        "operationId": "auth.token", "tags": ["auth"], "security": [],
        "summary": "A token for a signature over `XLN login\\n<hubId>\\n<address>\\n<timestamp>` (EIP-191 text).",
        "requestBody": { "required": true, "content": { "application/json": { "schema": sent } } },
        "responses": {
            "200": { "description": "Done.", "content": { "application/json": { "schema": answered } } },
            "default": error_response(),
        },
    } })
}

fn error_response() -> Value {
    let schema = json!({ "$ref": "#/components/schemas/Error" });
    json!({ "description": "An error.", "content": { "application/json": { "schema": schema } } })
}

fn error_schema() -> Value {
    let codes: Vec<u16> = Code::ALL.iter().map(|code| code.number()).collect();
    let words =
        Code::ALL.iter().map(|code| format!("{} {}", code.number(), code.name())).collect::<Vec<_>>().join(", ");
    json!({ "type": "object", "required": ["error"], "properties": {
        "error": { "type": "object", "required": ["code", "message"], "properties": {
            "code": { "type": "integer", "enum": codes, "description": words },
            "message": { "type": "string" },
            "details": { "type": "object", "properties": {
                "reason": { "type": "string" }, "field": { "type": "string" },
                "expected": {}, "available": { "type": "string" }, "leg": { "type": "integer" },
            } },
        } },
        "id": {},
    } })
}
