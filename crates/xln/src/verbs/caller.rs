//! Who asks, and of which hub: the options that every client verb has.

use crate::failure::{Failure, refused_as_json};
use crate::{show, units};
use clap::Args;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use xln_chain::dev::{self, accounts};
use xln_client::{Client, Key};
use xln_types::Amount;

/// The environment variable with the caller's secret key, 64 hex digits: never a flag, so that no process list shows it.
const KEY_VARIABLE: &str = "XLN_KEY";
/// The environment variable with the hub's API.
const API_VARIABLE: &str = "XLN_API";
/// Where `xln dev` serves.
const API_DEFAULT: &str = "http://127.0.0.1:8080";
/// The development account that asks unless another is named: the one that owns alice and bob.
const ACCOUNT_DEFAULT: usize = crate::examples::OWNER;
/// How many of the caller's entities are searched for a name.
const NAMES_MAX: usize = 1000;

/// The options of every client verb.
#[derive(Args)]
pub(crate) struct CallerArgs {
    /// The hub's API [default: XLN_API, else http://127.0.0.1:8080]
    #[arg(long)]
    api: Option<String>,
    /// Ask as this account of the development mnemonic, 0 to 9 [default: the key in XLN_KEY, else 1]
    #[arg(long)]
    account: Option<usize>,
    /// Print the answer as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// A logged-in caller that knows the hub's assets.
pub(crate) struct Ask {
    client: Client,
    /// `hub.info`.
    pub(crate) hub: Value,
    decimals: BTreeMap<String, u8>,
    as_json: bool,
}

impl CallerArgs {
    /// Logs in.
    pub(crate) async fn ask(&self) -> Result<Ask, Failure> {
        let api = self.api.clone().or_else(|| std::env::var(API_VARIABLE).ok());
        let mut client = Client::new(api.as_deref().unwrap_or(API_DEFAULT))?;
        let hub = client.get("/hub").await.map_err(|error| match Failure::from(error) {
            Failure::World(reason) => {
                Failure::World(format!("{reason} (is `xln dev` running? name another with --api)"))
            }
            other => other,
        })?;
        client.login(&self.key(&hub)?).await?;
        let assets = client.get("/assets?limit=1000").await?;
        let mut decimals = BTreeMap::new();
        for asset in assets["assets"].as_array().into_iter().flatten() {
            let digits = asset["decimals"].as_u64().and_then(|digits| u8::try_from(digits).ok()).unwrap_or(0);
            for name in ["symbol", "id"] {
                decimals.extend(asset[name].as_str().map(|name| (name.to_owned(), digits)));
            }
        }
        Ok(Ask { client, hub, decimals, as_json: self.json })
    }

    /// The development keys are public: they are refused where they would guard real money.
    fn key(&self, hub: &Value) -> Result<Key, Failure> {
        if self.account.is_none()
            && let Ok(text) = std::env::var(KEY_VARIABLE)
        {
            return Ok(Key::from_hex(&text)?);
        }
        if hub["chainId"] != dev::CHAIN_ID {
            return Err(Failure::Usage(format!("set {KEY_VARIABLE}: this hub isn't on a development chain")));
        }
        let number = self.account.unwrap_or(ACCOUNT_DEFAULT);
        let account = accounts::all().get(number);
        let account = account.ok_or_else(|| Failure::Usage(format!("--account {number}: expected 0 to 9")))?;
        Ok(Key::new(account.secret)?)
    }
}

impl Ask {
    /// Asks a path.
    pub(crate) async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.client.get(path).await.map_err(|error| self.refused(error))
    }

    /// Does something.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.client.post(path, body).await.map_err(|error| self.refused(error))
    }

    /// Calls a method by name, over a WebSocket.
    pub(crate) async fn call(&self, method: &str, params: Value) -> Result<Value, Failure> {
        let mut socket = self.client.socket().await?;
        socket.call(method, params).await.map_err(|error| self.refused(error))
    }

    fn refused(&self, error: xln_client::ClientError) -> Failure {
        if self.as_json { refused_as_json(error) } else { Failure::from(error) }
    }

    /// An entity's id: given as such, `hub`, or the name in the metadata of one of the caller's entities.
    pub(crate) async fn entity(&self, name: &str) -> Result<String, Failure> {
        if name.starts_with("0x") {
            return Ok(name.to_owned());
        }
        if name == "hub" {
            return Ok(self.hub["hubId"].as_str().unwrap_or_default().to_owned());
        }
        let listed = self.get(&format!("/entities?limit={NAMES_MAX}")).await?;
        let entities: Vec<&Value> = listed["entities"].as_array().into_iter().flatten().collect();
        let named: Vec<&&Value> = entities.iter().filter(|entity| entity["metadata"]["name"] == name).collect();
        match named.as_slice() {
            [one] => Ok(one["id"].as_str().unwrap_or_default().to_owned()),
            [] => Err(Failure::Usage(format!("{name}: no entity of yours has this name; see `xln entity list`"))),
            _ => Err(Failure::Usage(format!("{name}: several entities of yours have this name; use the id"))),
        }
    }

    /// An amount in base units, from what a person wrote.
    pub(crate) fn amount(&self, text: &str, asset: &str) -> Result<Amount, Failure> {
        let decimals = self.decimals.get(asset).copied();
        let decimals =
            decimals.ok_or_else(|| Failure::Usage(format!("{asset}: no such asset; see `xln asset list`")))?;
        units::parse(text, decimals).ok_or_else(|| {
            Failure::Usage(format!(
                "{text}: not an amount of {asset}: whole units with at most {decimals} digits after the point, or base \
                 units as in {text}u"
            ))
        })
    }

    /// `ASSET=AMOUNT`, each once, as the API takes it.
    pub(crate) fn amounts(&self, given: &[String]) -> Result<Value, Failure> {
        let mut amounts = Map::new();
        for pair in given {
            let (asset, amount) = pair
                .split_once('=')
                .ok_or_else(|| Failure::Usage(format!("{pair}: expected ASSET=AMOUNT, as in USDC=10.5")))?;
            let amount = self.amount(amount, asset)?;
            if amounts.insert(asset.to_owned(), amount.to_string().into()).is_some() {
                return Err(Failure::Usage(format!("{asset}: given twice")));
            }
        }
        Ok(Value::Object(amounts))
    }

    /// Prints an answer: as it is with `--json`, else with amounts in whole units.
    pub(crate) fn print(&self, answer: &Value) {
        if self.as_json {
            println!("{answer}");
        } else {
            print!("{}", show::value(&self.for_people(answer)));
        }
    }

    /// Amounts keyed by their asset become whole units of it.
    fn for_people(&self, answer: &Value) -> Value {
        match answer {
            Value::Object(fields) => Value::Object(
                fields
                    .iter()
                    .map(|(name, value)| {
                        let shown = match (self.decimals.get(name), value.as_str()) {
                            (Some(decimals), Some(base)) => units::format(base, *decimals).into(),
                            _ => self.for_people(value),
                        };
                        (name.clone(), shown)
                    })
                    .collect(),
            ),
            Value::Array(list) => list.iter().map(|value| self.for_people(value)).collect(),
            other => other.clone(),
        }
    }

    /// An amount of an asset for people.
    pub(crate) fn shown(&self, base: &str, asset: &str) -> String {
        self.decimals.get(asset).map_or_else(|| base.to_owned(), |decimals| units::format(base, *decimals))
    }

    /// Whether answers are printed as JSON.
    pub(crate) fn as_json(&self) -> bool {
        self.as_json
    }
}
