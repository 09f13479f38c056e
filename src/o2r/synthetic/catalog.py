"""Fixed facts of the fictional company: regions, countries, models, prices, features, names."""

from dataclasses import dataclass

REGIONS = ("us-east", "us-west", "eu-west", "ap-south")
TIERS = ("Starter", "Growth", "Enterprise")
SCOPES = ("regional", "global")
TOKEN_CLASSES = ("input", "output", "cache_read", "cache_write")
BILLING_TYPES = ("pay-as-you-go", "savings-plan", "committed-use")
USD_PER_UNIT = {"USD": 1.0, "EUR": 1.08, "GBP": 1.27}
"""Price-list conversion: what one unit of a currency is worth in US dollars."""


@dataclass(frozen=True)
class Country:
    """A country: ISO code, head-office city, home region index, UTC offset (hours), currency."""

    code: str
    city: str
    region: int
    utc_offset: int
    currency: str
    weight: float


COUNTRIES = (
    Country("US", "Columbus", 0, -5, "USD", 0.34),
    Country("CA", "Calgary", 0, -5, "USD", 0.07),
    Country("BR", "Curitiba", 0, -3, "USD", 0.05),
    Country("GB", "Leeds", 2, 0, "GBP", 0.11),
    Country("DE", "Bremen", 2, 1, "EUR", 0.10),
    Country("FR", "Nantes", 2, 1, "EUR", 0.07),
    Country("NL", "Utrecht", 2, 1, "EUR", 0.05),
    Country("IN", "Pune", 3, 5, "USD", 0.08),
    Country("SG", "Singapore", 3, 8, "USD", 0.04),
    Country("JP", "Sendai", 3, 9, "USD", 0.05),
    Country("AU", "Adelaide", 3, 10, "USD", 0.04),
)


@dataclass(frozen=True)
class Model:
    """A model variant. Token shares sum to 1; prices are US dollars per 1,000 tokens."""

    name: str
    family: str
    variant: str
    version: str
    task: str
    api_name: str
    is_open_source: bool
    weight: float
    latency_ms: float
    token_shares: tuple[float, float, float, float]
    prices: tuple[float, float, float, float]
    accelerator: str
    replicas: int
    max_concurrency: int


# Token classes, in this order everywhere: input, output, cache read, cache write.
MODELS = (
    Model(
        "lumen-chat-small",
        "lumen-chat",
        "small",
        "1.4",
        "chat",
        "generate",
        True,
        0.26,
        900.0,
        (0.30, 0.06, 0.56, 0.08),
        (0.090, 0.360, 0.020, 0.110),
        "mesh-40",
        12,
        48,
    ),
    Model(
        "lumen-chat-large",
        "lumen-chat",
        "large",
        "2.1",
        "chat",
        "generate",
        False,
        0.24,
        2600.0,
        (0.30, 0.07, 0.54, 0.09),
        (0.210, 0.840, 0.045, 0.260),
        "mesh-80",
        16,
        32,
    ),
    Model(
        "lumen-embed-v2",
        "lumen-embed",
        "v2",
        "2.0",
        "embedding",
        "embed",
        True,
        0.12,
        240.0,
        (1.0, 0.0, 0.0, 0.0),
        (0.060, 0.0, 0.0, 0.0),
        "mesh-40",
        8,
        96,
    ),
    Model(
        "lumen-embed-multi",
        "lumen-embed",
        "multi",
        "1.1",
        "embedding",
        "embed",
        True,
        0.08,
        330.0,
        (1.0, 0.0, 0.0, 0.0),
        (0.075, 0.0, 0.0, 0.0),
        "mesh-40",
        6,
        80,
    ),
    Model(
        "atlas-code-mini",
        "atlas-code",
        "mini",
        "3.0",
        "code",
        "complete",
        True,
        0.14,
        1500.0,
        (0.24, 0.06, 0.62, 0.08),
        (0.100, 0.400, 0.022, 0.120),
        "mesh-80",
        10,
        40,
    ),
    Model(
        "atlas-code-pro",
        "atlas-code",
        "pro",
        "3.2",
        "code",
        "complete",
        False,
        0.16,
        4200.0,
        (0.22, 0.08, 0.60, 0.10),
        (0.280, 1.120, 0.060, 0.340),
        "mesh-80",
        14,
        24,
    ),
)

SUCCESSORS = {
    "lumen-chat-small": "lumen-chat-large",
    "lumen-embed-v2": "lumen-embed-multi",
    "atlas-code-mini": "atlas-code-pro",
}
"""Newer or larger variant of the same family."""

CROSS_REGION = {
    ("lumen-chat-large", "us-west"): "us-east",
    ("atlas-code-pro", "ap-south"): "us-west",
}
"""(model, source region) computed in another region."""
NOT_OFFERED = frozenset({("lumen-embed-multi", "ap-south")})
"""(model, source region) pairs that are not offered."""

INSTANCE_OF = {"mesh-40": "fab4.12xl", "mesh-80": "fab8.24xl"}
"""Instance type that carries an accelerator type."""


def inference_region(model: str, source_region: str) -> str:
    """Region that computes requests to `model` received in `source_region`."""
    return CROSS_REGION.get((model, source_region), source_region)


FEATURES = (
    "playground",
    "api_keys",
    "usage_dashboard",
    "prompt_library",
    "team_roles",
    "batch_jobs",
    "spend_alerts",
    "evaluation_suite",
    "fine_tuning",
    "audit_log",
    "prompt_cache",
    "agent_builder",
)
VERTICALS = ("software", "retail", "logistics", "healthcare", "finance", "media", "education")
OWNERS = (
    "Maren Quill",
    "Tobias Fenwood",
    "Ishani Vale",
    "Lucan Ortega",
    "Petra Holm",
    "Yara Destin",
)
NAME_HEADS = (
    "Bright",
    "Copper",
    "Dapple",
    "Ember",
    "Fallow",
    "Glade",
    "Harbor",
    "Indigo",
    "Juniper",
    "Kestrel",
    "Linden",
    "Marble",
    "Nimbus",
    "Ochre",
    "Pebble",
    "Quartz",
    "Russet",
    "Saffron",
    "Thistle",
    "Umber",
    "Velvet",
    "Willow",
    "Yarrow",
    "Zephyr",
    "Alder",
    "Bramble",
    "Cinder",
    "Drift",
    "Fern",
    "Hazel",
)
NAME_TAILS = (
    "ridge",
    "brook",
    "field",
    "gate",
    "haven",
    "loom",
    "mark",
    "mill",
    "path",
    "point",
    "reach",
    "row",
    "shore",
    "spark",
    "stone",
    "thread",
    "vale",
    "ward",
    "wick",
    "works",
)
NAME_FORMS = (
    "Labs",
    "Systems",
    "Group",
    "Digital",
    "Partners",
    "Collective",
    "Analytics",
    "Ventures",
    "Networks",
)
