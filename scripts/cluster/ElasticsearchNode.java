import java.lang.reflect.Method;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;
import org.elasticsearch.node.InternalSettingsPreparer;
import org.elasticsearch.node.Node;
import org.elasticsearch.plugins.PluginBundle;
import org.elasticsearch.plugins.PluginsLoader;

/**
 * Starts a stock Elasticsearch node from the jars alone: {@code ElasticsearchNode HOME CONFIG}. The distribution's
 * own main wants its command-line launcher, its JDK and its entitlement agent, none of which the jars carry.
 */
public final class ElasticsearchNode {
    public static void main(String[] args) throws Exception {
        Path home = Path.of(args[0]);
        Path config = Path.of(args[1]);
        LogConfigurator.configureESLogging();
        Settings paths = Settings.builder().put("path.home", home).build();
        Environment environment = InternalSettingsPreparer.prepareEnvironment(paths, Map.of(), config, () -> "node-1");
        LogConfigurator.configure(environment, true);
        PluginsLoader plugins =
            PluginsLoader.createPluginsLoader(modules(home.resolve("modules")), Set.of(), Map.of(), false);

        Node node = new Node(environment, plugins);
        CountDownLatch stopped = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                node.close();
            } catch (Exception e) {
                e.printStackTrace();
            }
            stopped.countDown();
        }));
        node.start();
        stopped.await();
    }

    /** In version 9 the loader takes a second argument, whether the deployment is a serverless one: never here. */
    @SuppressWarnings("unchecked")
    private static Set<PluginBundle> modules(Path folder) throws ReflectiveOperationException {
        for (Method method : PluginsLoader.class.getMethods()) {
            if (method.getName().equals("loadModulesBundles")) {
                Object bundles = method.getParameterCount() == 1 ? method.invoke(null, folder) : method.invoke(null, folder, false);
                return (Set<PluginBundle>) bundles;
            }
        }
        throw new NoSuchMethodException("PluginsLoader.loadModulesBundles");
    }
}
