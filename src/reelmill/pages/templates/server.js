(() => {
"use strict";
{% include "server_tools.js" %}
{% include "server_new.js" %}
{% include "server_browse.js" %}
{% include "server_runs.js" %}
})();
