/**
 * Shows gradlab's widgets in a saved notebook that has no kernel.
 *
 * JupyterLab's widget manager waits for a kernel before it looks at the state saved in a notebook,
 * so without one every widget says "Loading widget..." for ever. In a notebook that opens without
 * a kernel, this extension gives the outputs that wait for one of gradlab's widgets a manager that
 * needs none. Other libraries' widgets go on waiting, and find the kernel when one is chosen.
 *
 * It is small enough to be written as the one container that JupyterLab loads, with no bundler.
 */

const VIEW = "application/vnd.jupyter.widget-view+json";
const STATE = "application/vnd.jupyter.widget-state+json";

/** What JupyterLab shares with its extensions: by package name, then by version. */
let shared;

async function load(name) {
  const [version] = Object.values(shared[name]);
  return (await version.get())();
}

/** Stands in for the widget manager: finds a widget's saved state, and draws it. */
class SavedWidgets {
  restoredStatus = true;
  restored = { connect() {} };

  constructor(notebook) {
    this.saved = notebook.getMetadata("widgets")?.[STATE]?.state ?? {};
  }

  /** Whether an output shows a widget of ours that was saved. */
  holds(output) {
    const { state } = this.saved[output?.[VIEW]?.model_id] ?? {};
    return Boolean(state?._esm && state._anywidget_id?.startsWith("gradlab_widgets."));
  }

  async get_model(id) {
    return this.saved[id].state;
  }

  async create_view({ _esm: source, ...traits }) {
    const [{ Widget }, bundle] = await Promise.all([load("@lumino/widgets"), importText(source)]);
    const luminoWidget = new Widget();
    luminoWidget.disposed.connect(bundle.mount(luminoWidget.node, traits));
    return { luminoWidget };
  }
}

async function importText(source) {
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  try {
    return await import(/* webpackIgnore: true */ url);
  } finally {
    URL.revokeObjectURL(url);
  }
}

/** Lets the outputs of `panel`, those there and those to come, draw what `saved` holds. */
function adopt(panel, saved) {
  const { rendermime, widgets: cells } = panel.content;
  const waiting = rendermime.getFactory(VIEW);
  const createRenderer = (options) => {
    const renderer = waiting.createRenderer(options);
    const render = renderer.renderModel.bind(renderer);
    renderer.renderModel = (output) => {
      if (saved.holds(output.data)) renderer.manager = saved;
      return render(output);
    };
    return renderer;
  };
  rendermime.removeMimeType(VIEW);
  rendermime.addFactory({ safe: false, mimeTypes: [VIEW], createRenderer }, -10);
  for (const { outputArea } of cells)
    outputArea?.widgets.forEach((row, index) => {
      if (!saved.holds(outputArea.model.get(index)?.data)) return;
      for (const renderer of row.children())
        if (renderer.mimeType === VIEW) renderer.manager = saved;
    });
}

/**
 * Resolves once JupyterLab has tried to find a kernel for a notebook. `sessionContext.ready` will
 * not do, since it waits for a kernel where the user is asked to choose one; and to call
 * `initialize` first would be to start it before JupyterLab knows which kernel is wanted.
 */
function kernelTried({ isReady, sessionContext }) {
  if (isReady) return sessionContext.initialize();
  return new Promise((resolve) => {
    sessionContext.initialize = () => {
      delete sessionContext.initialize;
      const tried = sessionContext.initialize();
      resolve(tried);
      return tried;
    };
  });
}

const plugin = {
  id: "gradlab:saved-widgets",
  description: "Shows gradlab's widgets in saved notebooks that have no kernel.",
  autoStart: true,
  activate({ docRegistry }) {
    docRegistry.addWidgetExtension("Notebook", {
      createNew(panel, context) {
        kernelTried(context).then(() => {
          if (panel.isDisposed || context.sessionContext.session?.kernel) return;
          adopt(panel, new SavedWidgets(context.model));
        });
      },
    });
  },
};

(globalThis._JUPYTERLAB ??= {}).gradlab = {
  init(scope) {
    shared = scope;
  },
  async get() {
    return () => ({ __esModule: true, default: plugin });
  },
};
