//! Reads an action by its name, or by its place in formats that write that.

use std::fmt;

use serde::de::{Deserialize, Deserializer, EnumAccess, Error, VariantAccess, Visitor};

use super::ActionType;

/// Names in the order of the variants: binary formats write the place of a name.
const NAMES: [&str; ActionType::PLACES.len()] = {
    let mut names = [""; ActionType::PLACES.len()];
    let mut place = 0;
    while place < names.len() {
        names[place] = ActionType::PLACES[place].as_str();
        place += 1;
    }
    names
};

/// What is not known is read as [`ActionType::Unknown`], be it a name or a place. Derived code does so only where
/// that is the last variant, and no variant may move: it would change what stored documents say.
impl<'de> Deserialize<'de> for ActionType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_enum("ActionType", &NAMES, ActionVisitor)
    }
}

struct ActionVisitor;

impl<'de> Visitor<'de> for ActionVisitor {
    type Value = ActionType;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an action")
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<ActionType, A::Error> {
        let (Name(action), value) = data.variant()?;
        value.unit_variant()?;
        Ok(action)
    }
}

struct Name(ActionType);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_identifier(NameVisitor)
    }
}

struct NameVisitor;

impl Visitor<'_> for NameVisitor {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of an action")
    }

    fn visit_u64<E: Error>(self, place: u64) -> Result<Name, E> {
        let known = usize::try_from(place).ok().and_then(|place| ActionType::PLACES.get(place));
        Ok(Name(known.copied().unwrap_or(ActionType::Unknown)))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Name, E> {
        Ok(Name(ActionType::parse(name).unwrap_or(ActionType::Unknown)))
    }

    fn visit_bytes<E: Error>(self, name: &[u8]) -> Result<Name, E> {
        self.visit_str(std::str::from_utf8(name).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_read_by_name_and_what_is_not_known_is_unknown() {
        for action in ActionType::PLACES {
            let text = serde_json::to_string(&action).unwrap();
            assert_eq!(serde_json::from_str::<ActionType>(&text).unwrap(), action);
        }
        assert_eq!(serde_json::from_str::<ActionType>("\"TELEPORT\"").unwrap(), ActionType::Unknown);
        for wrong in ["5", "null", "{\"VIEW\":1}", "[]"] {
            assert!(serde_json::from_str::<ActionType>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_action_is_read_by_place_and_what_is_not_known_is_unknown() {
        use serde::de::value::U64Deserializer;

        let read = |place: u64| {
            let place = U64Deserializer::<serde::de::value::Error>::new(place);
            let Name(action) = Name::deserialize(place).unwrap();
            action
        };
        for (place, action) in (0..).zip(ActionType::PLACES) {
            assert_eq!(action as u64, place, "documents are stored with it");
            assert_eq!(read(place), action);
        }
        assert_eq!(read(8), ActionType::Unknown);
        assert_eq!(read(ActionType::PLACES.len() as u64), ActionType::Unknown);
    }
}
