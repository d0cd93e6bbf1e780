//! `windlass models`: the language models that documents may name, and what they cost.

use clap::Subcommand;
use serde_json::{Value, json};
use windlass_llm::catalogue::{Catalogue, Model, Role};
use windlass_model::Money;
use windlass_yaml::{Limits, Reader, parse, read_file};

use crate::app::App;
use crate::error::Error;
use crate::exit::Exit;
use crate::project;
use crate::render::Grid;

/// Files beside a document that add models.
const FILES: [&str; 3] = ["models.yaml", "models.yml", "models.json"];

/// What `show` works out, so that prices mean something: tokens of a prompt, tokens of a reply.
const SAMPLE: (u64, u64) = (10_000, 1_000);

/// Shows the language models that prompts may name, with their prices
///
/// The list comes with the program. It is changed and extended by `models:` in the project's `windlass.yaml` and in
/// `models.yaml`, `models.yml` or `models.json` in this folder, later ones over earlier ones. Prices are for a million
/// tokens, in the currency of the list.
#[derive(Debug, clap::Args)]
#[command(
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_long_help = "\
Examples:
  windlass models list
  windlass models list --provider openai
  windlass models show claude-sonnet-4-5
  windlass models show balanced --json

  # models.yaml: a model of one's own
  models:
  - { id: llama3, provider: local, max_context: 8192, input_cost_per_1m: 0, output_cost_per_1m: 0 }"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

/// What is shown.
#[derive(Debug, Subcommand)]
enum Command {
    /// Prints all models, one on each line
    #[command(after_long_help = "\
Examples:
  windlass models list
  windlass models list --provider anthropic
  windlass models list --json | jq -r '.models[].id'")]
    List {
        /// Only those of this provider
        #[arg(long, value_name = "NAME")]
        provider: Option<String>,
    },
    /// Prints what is known of one model
    #[command(after_long_help = "\
Examples:
  windlass models show claude-sonnet-4-5
  windlass models show fast
  windlass models show flagship --json")]
    Show {
        /// A model's id, or a role: flagship, balanced, fast
        name: String,
    },
}

impl Args {
    pub(super) fn run(self, app: &App) -> Result<Exit, Error> {
        let catalogue = catalogue(app)?;
        match self.command {
            Command::List { provider } => list(&catalogue, provider.as_deref(), app)?,
            Command::Show { name } => {
                let model = catalogue.find(&name).map_err(|unknown| unknown.diagnostic())?;
                show(&catalogue, model, app)?;
            }
        }
        Ok(Exit::Done)
    }
}

/// What comes with the program, with the project's and this folder's own over it.
fn catalogue(app: &App) -> Result<Catalogue, Error> {
    let (mut catalogue, limits) = (Catalogue::builtin(), Limits::default());
    if let Some(source) = project::source(app)? {
        let node = parse(&source, &limits)?;
        if let Some(models) = node.get("models").filter(|models| !models.is_null()) {
            let reader = Reader::new(&source);
            catalogue.extend_list(&reader, models);
            reader.into_result(())?;
        }
    }
    for name in FILES.iter().filter(|name| app.folder.join(name).is_file()) {
        catalogue.extend(&read_file(&app.folder.join(name), name, &limits)?)?;
    }
    Ok(catalogue)
}

fn list(catalogue: &Catalogue, provider: Option<&str>, app: &App) -> Result<(), Error> {
    let wanted = |model: &&Model| provider.is_none_or(|provider| model.provider == provider);
    let models = catalogue.iter().filter(wanted);
    if app.json {
        let models: Vec<Value> = models.map(|model| data(catalogue, model)).collect();
        return app.out.json(&json!({ "models": models }));
    }
    let heads = ["MODEL", "PROVIDER", ">CONTEXT", ">INPUT", ">OUTPUT", ">CACHE READ", ">CACHE WRITE", "ROLE"];
    let mut grid = Grid::new(&heads);
    for model in models {
        let Model { prices, .. } = model;
        let money =
            [prices.input, prices.output, prices.cache_read, prices.cache_write].map(|m| m.to_string());
        let first = [model.id.clone(), model.provider.clone(), size(model.max_context)];
        grid.row(first.into_iter().chain(money).chain([roles(catalogue, model).join(", ")]));
    }
    app.out.text(&grid.show(app.ui.data, app.ui.data_width()))
}

fn show(catalogue: &Catalogue, model: &Model, app: &App) -> Result<(), Error> {
    if app.json {
        return app.out.json(&data(catalogue, model));
    }
    let prices = &model.prices;
    let mut lines = vec![
        ("model", model.id.clone()),
        ("provider", model.provider.clone()),
        ("context", format!("{} tokens", model.max_context)),
    ];
    lines.extend(model.max_output.map(|tokens| ("reply", format!("{tokens} tokens at most"))));
    let per = |money: Money| format!("{money} for a million tokens");
    lines.push(("input", per(prices.input)));
    lines.push(("output", per(prices.output)));
    lines.push(("cache read", per(prices.cache_read)));
    lines.push(("cache write", per(prices.cache_write)));
    if let Some(long) = &model.long_prompt {
        let (input, output) = (long.prices.input, long.prices.output);
        let text = format!("above {} tokens: input {input}, output {output}", long.above);
        lines.push(("long prompts", text));
    }
    let (input, output) = SAMPLE;
    let cost = model.bound(input, output);
    lines.push(("for example", format!("{input} tokens in and {output} out cost {cost} at most")));
    lines.push(("tools", if model.supports_tools { "yes" } else { "no" }.to_owned()));
    let tokenizer = data(catalogue, model)["tokenizer"].as_str().unwrap_or_default().to_owned();
    lines.push(("tokens", tokenizer));
    lines.push(("role", roles(catalogue, model).join(", ")));
    lines.extend(model.note.iter().map(|note| ("note", note.clone())));
    let text: String = lines
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name:<13} {value}\n"))
        .collect();
    app.out.text(&text)
}

fn roles(catalogue: &Catalogue, model: &Model) -> Vec<String> {
    catalogue.roles_of(&model.id).map(|role: Role| role.to_string()).collect()
}

/// A model as data: its entry, with the roles that it plays in the end.
fn data(catalogue: &Catalogue, model: &Model) -> Value {
    let mut data = serde_json::to_value(model).unwrap_or_default();
    data["roles"] = roles(catalogue, model).into();
    data
}

/// A number of tokens in few characters.
fn size(tokens: u64) -> String {
    match tokens {
        1_000_000.. => format!("{}M", tenths(tokens, 100_000)),
        1_000.. => format!("{}k", tenths(tokens, 100)),
        few => few.to_string(),
    }
}

/// A number with at most one decimal, cut and not rounded: a context is never said to be larger than it is.
fn tenths(number: u64, tenth: u64) -> String {
    let (whole, rest) = (number / tenth / 10, number / tenth % 10);
    if rest == 0 { whole.to_string() } else { format!("{whole}.{rest}") }
}
