//! JSON as it must come (**N-2**: nothing is coerced): no field twice at any depth, nested no deeper than [`DEPTH_MAX`], structs as
//! objects. Serde alone would let the last of two fields win, and read a list as a struct's fields in their order.
//!
//! [`check`] goes over the text once, before the typed parse. [`Object`] stands where a struct lies in another, [`RawObject`] where
//! the caller's text is kept as it came, [`Fields`] where parameters are put together from several places.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize as Derived, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::marker::PhantomData;

/// Deepest nesting of objects and lists.
pub(crate) const DEPTH_MAX: usize = 32;

/// A field's name, borrowed where it has no escapes.
#[derive(Derived)]
pub(crate) struct Name<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

/// Looks for what serde would let pass.
///
/// # Errors
/// Not JSON, a field given twice (named with its path), or nested too deeply.
pub(crate) fn check(text: &str) -> Result<(), serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    Strict { place: None, depth: 0 }.deserialize(&mut deserializer)?;
    deserializer.end()
}

/// Where in a document: names from the inside out.
struct Place<'a> {
    above: Option<&'a Place<'a>>,
    name: &'a str,
}

fn path(place: Option<&Place<'_>>, name: &str) -> String {
    match place {
        Some(place) => format!("{}.{name}", path(place.above, place.name)),
        None => name.to_owned(),
    }
}

struct Strict<'a> {
    place: Option<&'a Place<'a>>,
    depth: usize,
}

impl Strict<'_> {
    fn deeper<E: de::Error>(&self) -> Result<usize, E> {
        if DEPTH_MAX <= self.depth {
            return Err(E::custom("nested too deeply"));
        }
        Ok(self.depth.saturating_add(1))
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let depth = self.deeper()?;
        while items.next_element_seed(Strict { place: self.place, depth })?.is_some() {}
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        let depth = self.deeper()?;
        let mut names: Vec<Cow<'de, str>> = Vec::new();
        while let Some(Name(name)) = fields.next_key()? {
            let place = Place { above: self.place, name: &name };
            fields.next_value_seed(Strict { place: Some(&place), depth })?;
            names.push(name);
        }
        names.sort_unstable();
        match names.windows(2).find(|pair| pair.first() == pair.last()) {
            Some([name, ..]) => Err(de::Error::custom(format_args!("duplicate field `{}`", path(self.place, name)))),
            _ => Ok(()),
        }
    }
}

/// A struct in JSON: an object, never a list.
#[derive(Clone, Serialize)]
#[serde(transparent)]
pub(crate) struct Object<T>(pub(crate) T);

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object {field: value, …}")
    }
    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(fields)).map(Object)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for Object<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }
    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// A JSON object as its caller wrote it: numbers keep all their digits.
#[derive(Derived)]
#[serde(try_from = "Box<RawValue>")]
pub(crate) struct RawObject(Box<RawValue>);

impl RawObject {
    /// Its text.
    pub(crate) fn text(&self) -> &str {
        self.0.get()
    }
}

impl TryFrom<Box<RawValue>> for RawObject {
    type Error = &'static str;
    fn try_from(value: Box<RawValue>) -> Result<Self, Self::Error> {
        if value.get().starts_with('{') { Ok(RawObject(value)) } else { Err("expected an object {field: value, …}") }
    }
}

impl JsonSchema for RawObject {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("RawObject")
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        serde_json::Map::<String, serde_json::Value>::json_schema(generator)
    }
}

/// Parameters by name, each value as it came.
#[derive(Default, Serialize)]
#[serde(transparent)]
pub(crate) struct Fields(BTreeMap<String, Box<RawValue>>);

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object {field: value, …}")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Fields, A::Error> {
        let mut found = Fields::default();
        while let Some((name, value)) = fields.next_entry::<String, Box<RawValue>>()? {
            match found.0.entry(name) {
                Entry::Vacant(place) => place.insert(value),
                Entry::Occupied(taken) => {
                    return Err(de::Error::custom(format_args!("duplicate field `{}`", taken.key())));
                }
            };
        }
        Ok(found)
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

impl Fields {
    /// Adds a value; false where the name is taken.
    pub(crate) fn add(&mut self, name: String, value: &impl Serialize) -> Result<bool, serde_json::Error> {
        let Entry::Vacant(place) = self.0.entry(name) else { return Ok(false) };
        place.insert(serde_json::value::to_raw_value(value)?);
        Ok(true)
    }

    /// One JSON object, its fields in the order of their names.
    pub(crate) fn text(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }
}

/// JSON without the blanks between its tokens: what two spellings of the same request have in common.
pub(crate) fn minified(text: &str) -> String {
    let (mut quoted, mut escaped) = (false, false);
    text.chars()
        .filter(|char| {
            if quoted {
                quoted = escaped || *char != '"';
                escaped = !escaped && *char == '\\';
                return true;
            }
            quoted = *char == '"';
            !char.is_ascii_whitespace()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        check(text).err().map_or_else(String::new, |error| error.to_string())
    }

    /// N-2: the last of two fields never wins, however deep they lie and however they are spelled.
    #[test]
    fn a_field_given_twice_is_named_with_its_path() {
        for (text, path) in [
            (r#"{"a":1,"a":1}"#, "`a`"),
            (r#"{"a":1,"\u0061":1}"#, "`a`"),
            (r#"{"a":{"b":[0,{"c":1,"d":2,"c":3}]}}"#, "`a.b.c`"),
            (r#"[[{"x":{},"x":{}}]]"#, "`x`"),
        ] {
            assert!(refusal(text).starts_with(&format!("duplicate field {path}")), "{text}: {}", refusal(text));
        }
        for text in [r#"{"a":{"a":{"a":1}},"b":[{"a":1},{"a":1}]}"#, "[1,-1,1.5,true,null,\"x\",18446744073709551616]"]
        {
            assert_eq!(refusal(text), "", "{text}");
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(refusal(&nested(DEPTH_MAX)), "");
        assert!(refusal(&nested(DEPTH_MAX + 1)).starts_with("nested too deeply"));
        assert!(refusal(&"[".repeat(1 << 20)).starts_with("nested too deeply"));
    }

    #[test]
    fn blanks_between_tokens_mean_nothing_and_within_text_much() {
        assert_eq!(minified("{ \"a b\" :\n[ 1 ,\t\"\\\" }\" ] }"), r#"{"a b":[1,"\" }"]}"#);
    }
}
