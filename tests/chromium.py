"""The browser of tests: where it is, and started with as little around the page as it can have."""

import shutil

#: What no test looks at: the menu of the address bar is a page of its own with every window, which costs twice the time
#: of the page that is asked for, and the next page's process is started before anyone wants it. Of several lists of
#: features chromium reads the last one: those of playwright's list that a page can notice are here too.
UNWANTED_FEATURES = [
    "WebUIOmniboxPopup",
    "WebUIOmniboxAimPopup",
    "WebUIOmniboxFullPopup",
    "SpareRendererForSitePerProcess",
    "AimEnabled",
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsFirstBalancedModeAutoEnable",
    "HttpsUpgrades",
    "LensOverlay",
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "PaintHolding",
    "PreconnectToSearch",
    "ThirdPartyStoragePartitioning",
]


def find_chromium():
    """The path of the browser, or None; the one that has no windows first, whose pages cost a third."""
    names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None)


def launch(playwright):
    """Start the browser."""
    features = f"--disable-features={','.join(UNWANTED_FEATURES)}"
    return playwright.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox", features])
